import { Bot, KeyRound } from 'lucide-react'
import { Avatar } from '@/kit/Avatar'
import { BlockError } from '@/kit/BlockError'
import { Section } from '@/kit/Section'
import { Skeleton } from '@/kit/Skeleton'
import { TextLink } from '@/kit/TextLink'
import { Time } from '@/kit/Time'
import { organizationCall, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useMerged, type Placed } from '@/lib/merged'
import { asFailure } from '@/lib/problem'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { overview as overviewTexts } from '@/strings/overview'
import { actionWords, subjectName, type Action } from './actions'

const words = overviewTexts
const shown = 6

const latestFirst = (one: Placed<Action>, other: Placed<Action>) => other.at.localeCompare(one.at) || other.id.localeCompare(one.id)

/** The last changes, by whom and of what. Left out for who may not read them. */
export function RecentActions({ environments }: { environments: Environment[] }) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { may } = useAuthority()
  const readable = environments.filter((name) => may(name, 'logs.read'))
  const list = useMerged<Action>({
    key: ['actions', org],
    environments: readable,
    fetch: async (environment, cursor, signal) => (await organizationCall<Page<Action>>(environment, org, '/logs/actions', { query: { cursor, limit: shown }, signal })).data,
    compare: latestFirst,
  })
  if (readable.length === 0) return null
  return (
    <Section title={words.recent}>
      {list.isPending && <Skeleton label={t.common.loading} lines={3} />}
      {list.isError && <BlockError title={words.recentFailed} failure={asFailure(list.error)} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && <p className="text-13 text-muted">{words.noActions}</p>}
      <ul className="grid gap-3">
        {list.items.slice(0, shown).map((each) => (
          <li key={`${each.environment} ${each.id}`} className="grid grid-cols-[1.75rem_minmax(0,1fr)_auto] items-start gap-x-2.5 text-13">
            <Actor actor={each.actor} />
            <span className="min-w-0 pt-1 break-words">
              {each.actor.name || each.actor.id} <span className="text-muted">{actionWords(each.action)}</span>{' '}
              <Subject action={each} org={org} />
            </span>
            <span className="pt-1 text-12 text-muted">
              <Time at={each.at} />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** A key or a customer, as the way to its page; anything else by its name. */
function Subject({ action, org }: { action: Placed<Action>; org: string }) {
  const name = subjectName(action)
  const search = { env: action.environment }
  if (action.subject.startsWith('key_') && action.action !== 'key.deleted')
    return (
      <TextLink to="/o/$org/integrations/api-keys/$key" params={{ org, key: action.subject }} search={search} className="font-normal!">
        {name}
      </TextLink>
    )
  if (action.subject.startsWith('cus_') && action.action !== 'customer.deleted')
    return (
      <TextLink to="/o/$org/customers/$customer" params={{ org, customer: action.subject }} search={search} className="font-normal!">
        {name}
      </TextLink>
    )
  return <span>{name}</span>
}

function Actor({ actor }: { actor: Action['actor'] }) {
  if (actor.kind === 'member') return <Avatar name={actor.name ?? actor.id} />
  return (
    <span aria-hidden className="grid size-7 place-items-center rounded-control border border-line bg-sunken text-muted">
      {actor.kind === 'key' ? <KeyRound className="size-3.5" /> : <Bot className="size-3.5" />}
    </span>
  )
}
