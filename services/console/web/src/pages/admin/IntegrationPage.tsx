import { useQuery } from '@tanstack/react-query'
import { ExternalLink } from 'lucide-react'
import { useState } from 'react'
import { integrationQuery } from '@/control/queries'
import type { Integration } from '@/control/types'
import { usePageTitle } from '@/environment/title'
import { useEnvironmentChoice } from '@/environment/useEnvironment'
import { CodeBlock } from '@/kit/CodeBlock'
import { Copy } from '@/kit/Copy'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Facts } from '@/kit/Facts'
import { Loaded } from '@/kit/Loaded'
import { PageHead } from '@/kit/PageHead'
import { PanelTabs } from '@/kit/PanelTabs'
import { Section } from '@/kit/Section'
import { StatusBadge } from '@/kit/StatusBadge'
import { t } from '@/strings'
import { admin as adminTexts } from '@/strings/admin'

const words = adminTexts.integration

/** Where each environment's API is, whether it answers, and how to put it behind a proxy. */
export function IntegrationPage() {
  usePageTitle(words.title)
  const view = useEnvironmentChoice()
  const query = useQuery({ ...integrationQuery, refetchInterval: 30_000 })
  return (
    <>
      <PageHead title={words.title} subtitle={words.subtitle} />
      <div className="mt-5 border-t border-line">
        <Loaded query={query} failed={words.failed}>
          {(items) =>
            items
              .filter(({ environment }) => view === 'all' || environment === view)
              .map((item) => (
                <Section key={item.environment} title={<EnvironmentBadge environment={item.environment} />}>
                  {item.enabled ? <Settings item={item} /> : <SwitchedOff item={item} />}
                </Section>
              ))
          }
        </Loaded>
      </div>
    </>
  )
}

function Settings({ item }: { item: Integration }) {
  const { health } = item
  const isReady = health.state === 'ready'
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-6 wide:grid-cols-[24rem_minmax(0,1fr)]">
      <Facts
        facts={[
          [words.publicUrl, <Url key="public" url={item.public_url} />],
          [words.apiUrl, <Url key="api" url={item.api_url} />],
          [
            words.health,
            <StatusBadge
              key="health"
              look={isReady ? 'active' : 'failed'}
              marks={[
                ...(health.latency_ms === null ? [] : [{ text: words.latency(health.latency_ms) }]),
                ...(health.detail ? [{ text: health.detail, tone: isReady ? ('muted' as const) : ('danger' as const) }] : []),
              ]}
            >
              {words.states[health.state] ?? health.state}
            </StatusBadge>,
          ],
          [
            words.reference,
            <a key="docs" href={item.docs_url} target="_blank" rel="noreferrer" className="inline-flex items-center gap-1 rounded-badge font-medium break-all text-accent no-underline hover:underline">
              {item.docs_url.replace(/^https?:\/\//, '')} <ExternalLink aria-hidden className="size-3.5" />
            </a>,
          ],
        ]}
      />
      {item.snippets && <Snippets snippets={item.snippets} />}
    </div>
  )
}

const Url = ({ url }: { url: string }) => (
  <span className="inline-flex items-center gap-1 font-mono text-12 break-all">
    {url} <Copy text={url} />
  </span>
)

function Snippets({ snippets }: { snippets: NonNullable<Integration['snippets']> }) {
  const names = Object.keys(words.proxies) as (keyof typeof words.proxies)[]
  const [shown, setShown] = useState<string>('traefik')
  return (
    <div>
      <div className="mb-2 flex items-baseline gap-3">
        <h3 className="text-13 font-medium">{words.proxy}</h3>
        <span className="text-12 text-muted">{words.proxyDetail}</span>
      </div>
      <PanelTabs
        value={shown}
        onChange={setShown}
        aside={(name) => <Copy text={snippets[name as keyof typeof words.proxies]} />}
        tabs={names.map((name) => ({ value: name, label: words.proxies[name], content: <CodeBlock bare code={snippets[name]} /> }))}
      />
    </div>
  )
}

function SwitchedOff({ item }: { item: Integration }) {
  const port = new URL(item.api_url).port || '3003'
  return (
    <div className="max-w-140">
      <h3 className="text-14 font-semibold">{words.offTitle(t.environment[item.environment])}</h3>
      <p className="mt-1 mb-3 text-13 text-muted">{words.offText}</p>
      <CodeBlock title="config.yaml" code={`server:\n  integration_port: ${port}\nflags:\n  enable_integration_api: true`} />
    </div>
  )
}
