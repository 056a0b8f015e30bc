import { useQuery } from '@tanstack/react-query'
import { ofOrganization, provisioningsQuery } from '@/control/queries'
import type { Provisioning } from '@/control/types'
import { Button } from '@/kit/Button'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Loaded } from '@/kit/Loaded'
import { StatusBadge, type StatusLook } from '@/kit/StatusBadge'
import { controlCall } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useChange } from '@/lib/useChange'
import { useSession } from '@/session/useSession'
import { admin as adminTexts } from '@/strings/admin'

const words = adminTexts.organizations
const looks: Record<Provisioning['state'], StatusLook> = { ready: 'succeeded', wanted: 'running', failed: 'failed' }

/** How far an organization is set up in each environment; a step that failed is started again here. */
export function ProvisioningSteps({ organization }: { organization: string }) {
  const { environments } = useSession()
  const query = useQuery({
    ...provisioningsQuery(organization),
    refetchInterval: ({ state }) => (state.data?.every((each) => each.state !== 'wanted') ? false : 1500),
  })
  return (
    <Loaded query={query} failed={words.failed} block lines={3}>
      {(steps) => (
        <ul>
          {environments.map(({ name }) => (
            <Step key={name} organization={organization} environment={name} step={steps.find(({ environment }) => environment === name)} />
          ))}
        </ul>
      )}
    </Loaded>
  )
}

function Step({ organization, environment, step }: { organization: string; environment: Environment; step: Provisioning | undefined }) {
  const change = useChange(() => controlCall(ofOrganization(organization, 'provisionings', environment), { method: 'POST' }), {
    stale: [['provisionings', organization], ['admin', 'organizations']],
    done: words.retried,
  })
  const marks = [
    ...(step?.reason ? [{ text: step.reason, tone: 'danger' as const }] : []),
    ...(step && step.attempts > 1 ? [{ text: words.attempts(step.attempts) }] : []),
    ...(change.failure ? [{ text: change.failure.problem.detail, tone: 'danger' as const }] : []),
  ]
  return (
    <li className="flex items-center gap-4 border-b border-line py-2.5 text-13 last:border-b-0">
      <span className="w-24 shrink-0">
        <EnvironmentBadge environment={environment} />
      </span>
      <StatusBadge className="min-w-0 flex-1" look={step ? looks[step.state] : 'inactive'} marks={marks}>
        {step ? words.states[step.state] : words.absent}
      </StatusBadge>
      {step?.state !== 'ready' && step?.state !== 'wanted' && (
        <Button size="row" disabled={change.isBusy} onClick={() => change.run()}>
          {step ? words.retry : words.setUp}
        </Button>
      )}
    </li>
  )
}
