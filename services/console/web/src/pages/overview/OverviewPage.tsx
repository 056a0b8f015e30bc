import { usePageTitle } from '@/environment/title'
import { useEnvironments } from '@/environment/useEnvironment'
import { Copy } from '@/kit/Copy'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { PageHead } from '@/kit/PageHead'
import { Section } from '@/kit/Section'
import type { Environment } from '@/lib/environments'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import { overview as overviewTexts } from '@/strings/overview'
import { Attention } from './Attention'
import { FirstSteps } from './FirstSteps'
import { RecentActions } from './RecentActions'

const words = overviewTexts

/** Is anything wrong, and how do I start. */
export function OverviewPage() {
  usePageTitle(words.title)
  const { environments } = useEnvironments()
  return (
    <div className="flex min-h-full flex-col">
      <PageHead title={words.title} />
      <div className="mt-5 grid flex-1 border-t border-line wide:grid-cols-[minmax(0,1fr)_21.5rem]">
        <div className="min-w-0 border-line max-wide:border-b wide:border-r">
          <Attention environments={environments} />
        </div>
        <div className="min-w-0">
          <FirstSteps environments={environments} />
          <BaseUrls environments={environments} />
          <RecentActions environments={environments} />
        </div>
      </div>
    </div>
  )
}

function BaseUrls({ environments }: { environments: Environment[] }) {
  const publicUrl = usePublicUrl()
  return (
    <Section title={words.baseUrls}>
      <ul className="-my-1">
        {environments.map((name) => {
          const url = `${publicUrl(name)}/v1`
          return (
            <li key={name} className="flex items-center gap-2 border-b border-line py-1.5 last:border-b-0">
              <span className="w-24 shrink-0">
                <EnvironmentBadge environment={name} />
              </span>
              <span className="min-w-0 flex-1 font-mono text-12 break-all">
                {url.replace(/^https?:\/\//, '')}
              </span>
              <Copy text={url} label={words.copyUrl(t.environment[name])} />
            </li>
          )
        })}
      </ul>
    </Section>
  )
}
