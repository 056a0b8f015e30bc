import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { KeyText } from '@/kit/KeyText'
import { Tag } from '@/kit/Tag'
import { Time } from '@/kit/Time'
import type { Column } from '@/kit/table/columns'
import { count } from '@/lib/numbers'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { tightest, windowText } from '../limits'
import { CreatedBy } from '../CreatedBy'
import { ExpiryCell } from './ExpiryCell'
import { KeyStatus } from './KeyStatus'
import { PermissionsCell } from './PermissionsCell'
import { KeyNameLink } from './KeyNameLink'

const words = t.keys.columns
const cell = t.keys.cell
const second = (text: string) => <span className="block text-12 text-muted">{text}</span>

/** The columns of the list of keys; that of the environment goes where one is chosen. */
export function keyColumns(kind: 'organization' | 'root', isAll: boolean, titles: Map<string, string>): Column<PlacedKey>[] {
  const columns: (Column<PlacedKey> | false)[] = [
    {
      id: 'name',
      header: words.name,
      isRowHeader: true,
      sort: 'name',
      bar: 'w-36',
      cell: (key) => (
        <>
          <KeyNameLink placed={key} />
          <span className="block text-12">
            <KeyText text={key.hint} />
          </span>
        </>
      ),
    },
    isAll && {
      id: 'environment',
      header: words.environment,
      fixed: true,
      bar: 'h-5 w-20',
      cell: (key) => <EnvironmentBadge environment={key.environment} />,
    },
    { id: 'status', header: words.status, bar: 'w-16', cell: (key) => <KeyStatus placed={key} /> },
    {
      id: 'permissions',
      header: words.permissions,
      bar: 'w-28',
      cell: (key) => <PermissionsCell names={key.permissions} titles={titles} />,
    },
    kind === 'organization' && { id: 'scope', header: words.scope, bar: 'w-20', cell: scope },
    {
      id: 'ips',
      header: words.ips,
      bar: 'w-14',
      cell: ({ ips }) => (ips === 'all' ? <span className="text-muted">{cell.anyIp}</span> : <span title={ips.join('\n')}>{cell.ranges(ips.length)}</span>),
    },
    { id: 'limits', header: words.limits, bar: 'w-16', cell: limits },
    {
      id: 'last_used',
      header: words.lastUsed,
      note: words.lastUsedNote,
      sort: 'last_used_at',
      bar: 'w-20',
      cell: (key) => (
        <>
          <Time at={key.last_used_at} none={cell.neverUsed} more={[key.last_used_ip]} />
          {key.last_used_ip && second(key.last_used_ip)}
        </>
      ),
    },
    { id: 'expires', header: words.expires, sort: 'expires_at', bar: 'w-20', cell: (key) => <ExpiryCell placed={key} /> },
    { id: 'created_by', header: words.createdBy, optional: kind === 'organization', bar: 'w-24', cell: (key) => <CreatedBy id={key.created_by} /> },
    { id: 'created', header: words.created, sort: 'created_at', optional: true, bar: 'w-20', cell: (key) => <Time at={key.created_at} /> },
    {
      id: 'tags',
      header: words.tags,
      optional: true,
      bar: 'w-20',
      cell: ({ tags }) => (
        <span className="flex gap-1">
          {tags.map((tag) => (
            <Tag key={tag}>{tag}</Tag>
          ))}
        </span>
      ),
    },
  ]
  return columns.filter((column) => column !== false)
}

function scope({ domains, customers }: PlacedKey) {
  return (
    <>
      {domains === 'all' ? cell.allDomains : <span title={domains.join('\n')}>{cell.domains(domains.length)}</span>}
      {customers !== 'all' && second(cell.customers(customers.length))}
    </>
  )
}

function limits({ limits: own }: PlacedKey) {
  const first = tightest(own) ?? own[0]
  if (!first) return <span className="text-muted">{cell.noLimits}</span>
  return (
    <>
      {count(first.limit)}
      {second(`${cell.per(windowText(first.window_ms))}${own.length > 1 ? `, ${cell.moreLimits(own.length - 1)}` : ''}`)}
    </>
  )
}

