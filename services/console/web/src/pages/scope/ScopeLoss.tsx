import { useQuery } from '@tanstack/react-query'
import type { Key } from '@/client/types.gen'
import { Note } from '@/kit/Note'
import { organizationCall, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useOrganization } from '@/session/useOrganization'
import { scopeLoss as scopeLossTexts } from '@/strings/customers'

const words = scopeLossTexts
const shown = 6

interface Props {
  environment: Environment
  /** What the list of keys is asked for. */
  filter: { customer?: string; domain?: string }
  /** The part of a key's scope that loses an entry. */
  scope: (key: Key) => Key['customers']
}

/** Which keys lose what is about to be deleted, and what becomes of each: one left without anything is revoked. */
export function ScopeLoss({ environment, filter, scope }: Props) {
  const { organization } = useOrganization()
  const query = useQuery({
    queryKey: ['keys', organization.slug, environment, 'scope', filter],
    queryFn: async ({ signal }) =>
      (await organizationCall<Page<Key>>(environment, organization.slug, '/keys', { query: { ...filter, limit: 50, count: true }, signal })).data,
    staleTime: 0,
  })
  if (query.isError)
    return (
      <Note kind="caution" className="mt-3">
        {words.failed}
      </Note>
    )
  if (!query.data) return <p className="mt-3 text-muted">{words.loading}</p>
  const { items, total = items.length } = query.data
  if (items.length === 0) return <p className="mt-3 text-muted">{words.none}</p>
  return (
    <Note kind="caution" className="mt-3">
      <p>{words.loses(total, query.data.total_is_exact === false)}</p>
      <ul className="mt-1 grid gap-0.5">
        {items.slice(0, shown).map((key) => {
          const left = scope(key)
          const rest = left === 'all' ? 0 : left.length - 1
          return (
            <li key={key.id} className="flex flex-wrap gap-x-2">
              <span className="font-medium break-words">{key.name}</span>
              <span className="text-muted">{rest === 0 ? words.revoked : words.keeps(rest)}</span>
            </li>
          )
        })}
        {total > shown && <li className="text-muted">{words.rest(total - shown)}</li>}
      </ul>
    </Note>
  )
}
