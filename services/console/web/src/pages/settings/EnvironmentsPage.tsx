import { useQuery } from '@tanstack/react-query'
import { ofOrganization, provisioningsQuery } from '@/control/queries'
import type { Provisioning } from '@/control/types'
import { useEnvironments } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Loaded } from '@/kit/Loaded'
import { Section } from '@/kit/Section'
import { StatusBadge, type StatusLook } from '@/kit/StatusBadge'
import { controlCall } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useChange } from '@/lib/useChange'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { PolicyOf } from './PolicyOf'
import { SettingsPage } from './SettingsPage'

const words = settingsTexts.environments
const looks: Record<Provisioning['state'], StatusLook> = { ready: 'active', wanted: 'pending', failed: 'failed' }

export function EnvironmentsPage() {
  const { organization } = useOrganization()
  const { environments: installed } = useSession()
  const { environments } = useEnvironments()
  const query = useQuery({
    ...provisioningsQuery(organization.slug),
    // While one is being made, until it is.
    refetchInterval: ({ state }) => (state.data?.some((each) => each.state === 'wanted') ? 3000 : false),
  })
  return (
    <SettingsPage title={words.title} subtitle={words.subtitle}>
      <div className="px-4 pb-6 wide:px-6">
        <Loaded query={query} failed={settingsTexts.loadFailed} block>
          {(provisionings) => (
            <ul>
              {installed.map(({ name, public_url }) => (
                <EnvironmentRow key={name} environment={name} url={public_url} provisioning={provisionings.find(({ environment }) => environment === name)} />
              ))}
            </ul>
          )}
        </Loaded>
      </div>
      <div className="border-t border-line">
        {environments.map((environment) => (
          <Section
            key={environment}
            title={
              <span className="flex items-center gap-2">
                {words.policy} <EnvironmentBadge environment={environment} />
              </span>
            }
            detail={words.policyDetail}
          >
            <PolicyOf environment={environment} />
          </Section>
        ))}
      </div>
    </SettingsPage>
  )
}

interface RowProps {
  environment: Environment
  url: string
  provisioning: Provisioning | undefined
}

function EnvironmentRow({ environment, url, provisioning }: RowProps) {
  const { organization } = useOrganization()
  const { reason } = useIsManager()
  const act = useChange(() => controlCall(ofOrganization(organization.slug, 'provisionings', environment), { method: 'POST' }), {
    stale: [['provisionings', organization.slug], ['session']],
    done: words.started,
  })
  const isOpen = !provisioning || provisioning.state === 'failed'
  return (
    <li className="grid items-center gap-x-4 gap-y-1 border-b border-line py-3 text-13 wide:grid-cols-[8rem_minmax(0,1fr)_14rem_auto]">
      <span>
        <EnvironmentBadge environment={environment} />
      </span>
      <span className="flex min-w-0 items-center gap-1 font-mono text-12">
        <span className="truncate" title={url}>
          {url}/v1
        </span>
        <Copy text={`${url}/v1`} label={words.copyUrl(t.environment[environment])} />
      </span>
      <StatusBadge
        look={provisioning ? looks[provisioning.state] : 'inactive'}
        marks={[
          ...(provisioning?.reason ? [{ text: provisioning.reason, tone: 'danger' as const }] : []),
          ...(provisioning && provisioning.state !== 'ready' ? [{ text: words.attempts(provisioning.attempts) }] : []),
          ...(act.failure ? [{ text: act.failure.problem.detail, tone: 'danger' as const }] : []),
        ]}
      >
        {words.state[provisioning?.state ?? 'absent']}
      </StatusBadge>
      {isOpen && (
        <Button size="row" reason={reason} busy={act.isBusy && t.common.loading} onClick={() => act.run()}>
          {provisioning ? words.retry : words.setUp}
        </Button>
      )}
    </li>
  )
}
