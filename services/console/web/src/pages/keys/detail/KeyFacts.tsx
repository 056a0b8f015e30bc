import { Link } from '@tanstack/react-router'
import { Copy } from '@/kit/Copy'
import { Facts, type Fact } from '@/kit/Facts'
import { Tag } from '@/kit/Tag'
import { Time } from '@/kit/Time'
import { count } from '@/lib/numbers'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { CreatedBy } from '../CreatedBy'
import { ExpiryCell } from '../list/ExpiryCell'
import { limitText } from '../limits'
import { useKeyScope } from '../scope'

const words = t.keys.detail.facts
const muted = (text: string) => <span className="text-muted">{text}</span>
const mono = (items: string[]) => items.map((item) => <span key={item} className="block font-mono text-12 break-all">{item}</span>)

/** What a key is, in two columns. */
export function KeyFacts({ placed }: { placed: PlacedKey }) {
  const { kind, listPath } = useKeyScope()
  const urlOf = usePublicUrl()
  const base = listPath.replace(/\/integrations\/.*$/, '')
  const groups = new Set(placed.permissions.map((name) => name.split('.')[0])).size
  const facts: Fact[] = [
    [
      words.id,
      <span className="flex items-center gap-1 font-mono text-12">
        <span className="break-all">{placed.id}</span> <Copy text={placed.id} />
      </span>,
    ],
    [words.baseUrl, <span className="font-mono text-12 break-all">{urlOf(placed.environment)}</span>],
    [
      words.lastUsed,
      <>
        <Time at={placed.last_used_at} none={t.keys.cell.neverUsed} />
        {placed.last_used_at && (
          <span className="block text-12 text-muted">
            <Time at={placed.last_used_at} form="absolute" />
            {placed.last_used_ip && `, ${placed.last_used_ip}`}
          </span>
        )}
      </>,
    ],
    placed.not_before !== null && [words.starts, <Time at={placed.not_before} form="absolute" />],
    [words.expires, <ExpiryCell placed={placed} />],
    [
      words.created,
      <>
        <Time at={placed.created_at} form="absolute" />
        <span className="mt-0.5 block">
          <CreatedBy id={placed.created_by} />
        </span>
      </>,
    ],
    [words.updated, <Time at={placed.updated_at} form="absolute" />],
    placed.revoked_at !== null && [
      words.revoked,
      <>
        <Time at={placed.revoked_at} form="absolute" />
        {placed.revoke_reason && <span className="block text-12 text-muted">{t.keys.marks.reasons[placed.revoke_reason] || placed.revoke_reason}</span>}
      </>,
    ],
    kind === 'organization' && [words.domains, placed.domains === 'all' ? muted(t.keys.cell.allDomains) : mono(placed.domains)],
    kind === 'organization' && [
      words.customers,
      placed.customers === 'all'
        ? muted(t.keys.detail.notLimited)
        : placed.customers.map((id) => (
            <Link key={id} to={`${base}/customers/${id}` as never} search={{ env: placed.environment } as never} className="block font-mono text-12 text-ink">
              {id}
            </Link>
          )),
    ],
    [words.ips, placed.ips === 'all' ? muted(t.keys.cell.anyIp) : mono(placed.ips)],
    [words.permissions, placed.permissions.includes('*') ? t.keys.cell.allPermissions : t.keys.detail.permissionCount(placed.permissions.length, groups)],
    placed.roles.length > 0 && [words.roles, placed.roles.map(({ id, name }) => <span key={id} className="block">{name}</span>)],
    [words.limits, placed.limits.length === 0 ? muted(t.keys.cell.noLimits) : placed.limits.map((limit) => <span key={limit.name} className="block">{`${limit.name}: ${limitText(limit)}`}</span>)],
    placed.credits !== null && [words.credits, count(placed.credits?.remaining ?? 0)],
    placed.tags.length > 0 && [
      words.tags,
      <span className="flex flex-wrap gap-1">
        {placed.tags.map((tag) => (
          <Tag key={tag}>{tag}</Tag>
        ))}
      </span>,
    ],
    Object.keys(placed.metadata).length > 0 && [words.metadata, <pre className="font-mono text-12 break-all whitespace-pre-wrap">{JSON.stringify(placed.metadata, null, 2)}</pre>],
  ]
  return <Facts facts={facts} />
}
