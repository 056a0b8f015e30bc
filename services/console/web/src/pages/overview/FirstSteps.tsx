import { useQueries } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Circle, CircleCheck, X } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import type { Key } from '@/client/types.gen'
import { Button } from '@/kit/Button'
import { CodeBlock } from '@/kit/CodeBlock'
import { IconButton } from '@/kit/IconButton'
import { Section } from '@/kit/Section'
import { organizationCall, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import type { Placed } from '@/lib/merged'
import { remembered } from '@/lib/preferences'
import { useOrganization } from '@/session/useOrganization'
import { usePublicUrl } from '@/session/useSession'
import { overview as overviewTexts } from '@/strings/overview'

const words = overviewTexts.steps

/** Three steps that tick themselves once each is observed; gone when hidden. */
export function FirstSteps({ environments }: { environments: Environment[] }) {
  const { organization } = useOrganization()
  const org = organization.slug
  const navigate = useNavigate()
  const publicUrl = usePublicUrl()
  const name = `steps.${organization.id}`
  const [state, setState] = useState(() => (remembered.get(name) as { hidden?: boolean; seen?: boolean } | null) ?? {})
  const put = (change: typeof state) => {
    const next = { ...state, ...change }
    setState(next)
    remembered.set(name, next)
  }
  const isOver = Boolean(state.hidden)
  const queries = useQueries({
    queries: environments.map((environment) => ({
      queryKey: ['keys', org, environment, 'last-used'],
      queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Placed<Key> | null> => {
        const { items } = (await organizationCall<Page<Key>>(environment, org, '/keys', { query: { sort: '-last_used_at', limit: 1 }, signal })).data
        return items[0] ? { ...items[0], environment } : null
      },
      // Somebody is looking whether the request has arrived.
      refetchInterval: 10_000,
      enabled: !isOver,
    })),
  })
  const keys = queries.flatMap(({ data }) => data ?? [])
  const used = keys.find(({ last_used_at }) => last_used_at !== null)
  const done = [keys.length > 0, used !== undefined, used !== undefined && Boolean(state.seen)]
  if (isOver || queries.some(({ isPending }) => isPending)) return null
  const current = done.indexOf(false)
  const environment = environments.at(-1) ?? 'development'
  const steps: { title: string; text: string; below: ReactNode }[] = [
    {
      title: words.create,
      text: words.createText,
      below: <Button onClick={() => void navigate({ to: '/o/$org/integrations/api-keys', params: { org }, search: { env: environment, form: 'new' } })}>{words.createAction}</Button>,
    },
    {
      title: words.send,
      text: words.sendText,
      below: <CodeBlock wrap title="cURL" code={`curl ${publicUrl(keys[0]?.environment ?? environment)}/v1/whoami \\\n  -H "Authorization: Bearer $CLAVIGER_KEY"`} />,
    },
    {
      title: words.see,
      text: words.seeText,
      below: used && (
        <Button
          onClick={() => {
            put({ seen: true })
            void navigate({ to: '/o/$org/integrations/api-keys/$key', params: { org, key: used.id }, search: { env: used.environment } })
          }}
        >
          {words.seeAction}
        </Button>
      ),
    },
  ]
  return (
    <Section
      title={words.title}
      detail={words.of(done.filter(Boolean).length, done.length)}
      actions={
        <IconButton label={words.hide} size="row" onClick={() => put({ hidden: true })}>
          <X aria-hidden />
        </IconButton>
      }
    >
      <ol className="grid gap-3 text-13">
        {steps.map((step, index) => (
          <li key={step.title} className="grid grid-cols-[1rem_minmax(0,1fr)] items-start gap-x-2.5">
            {done[index] ? <CircleCheck aria-label={words.done} className="mt-0.5 text-active" /> : <Circle aria-hidden className="mt-0.5 text-muted" />}
            <div>
              <span className={done[index] ? 'text-muted' : 'font-medium'}>{step.title}</span>
              {index === current && (
                <>
                  <p className="text-12 text-muted">{step.text}</p>
                  <div className="mt-2">{step.below}</div>
                </>
              )}
            </div>
          </li>
        ))}
      </ol>
    </Section>
  )
}
