import { Plus } from 'lucide-react'
import type { Customer, Key } from '@/client/types.gen'
import { BlockError } from '@/kit/BlockError'
import { ButtonLink } from '@/kit/ButtonLink'
import { KeyText } from '@/kit/KeyText'
import { Skeleton } from '@/kit/Skeleton'
import { StatusBadge } from '@/kit/StatusBadge'
import { DataTable } from '@/kit/table/DataTable'
import { ListFoot } from '@/kit/table/ListFoot'
import type { Column } from '@/kit/table/columns'
import { TextLink } from '@/kit/TextLink'
import { Time } from '@/kit/Time'
import { organizationCall, path, type Page } from '@/lib/api'
import { useMerged, type Placed } from '@/lib/merged'
import { asFailure } from '@/lib/problem'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { customers as customerTexts } from '@/strings/customers'
import { newestFirst } from './queries'

const words = customerTexts.keys
const looks = { active: 'active', inactive: 'inactive', expired: 'expired', scheduled: 'scheduled' } as const

/** The keys that are limited to a customer. */
export function CustomerKeys({ customer }: { customer: Placed<Customer> }) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { environment } = customer
  const list = useMerged<Key>({
    key: ['keys', org, 'of-customer', customer.id],
    environments: [environment],
    fetch: async (name, cursor, signal) =>
      (await organizationCall<Page<Key>>(name, org, path('customers', customer.id, 'keys'), { query: { cursor, limit: 50, count: true }, signal })).data,
    compare: newestFirst,
  })
  if (list.isError) return <BlockError title={words.failed} failure={asFailure(list.error)} onRetry={() => void list.refetch()} />
  if (list.isPending) return <Skeleton label={t.common.loading} />
  const search = { env: environment, customer: customer.id }
  const link = (
    <ButtonLink to={'/o/$org/integrations/api-keys'} params={{ org }} search={search} size="bar" kind="link">
      {words.all}
    </ButtonLink>
  )
  if (list.items.length === 0)
    return (
      <div className="flex flex-wrap items-center gap-4 text-13 text-muted">
        {words.none}
        <ButtonLink to={'/o/$org/integrations/api-keys'} params={{ org }} search={{ env: environment, form: 'new', customer: customer.id }} size="bar" icon={<Plus aria-hidden />}>
          {words.createKey}
        </ButtonLink>
      </div>
    )
  return (
    <div className="-mx-4 overflow-x-auto [container-type:inline-size] wide:-mx-6">
      <div className="px-4 pb-1 wide:px-6">{link}</div>
      <DataTable<Placed<Key>>
        label={words.title}
        columns={columns(org)}
        rows={list.items}
        rowId={({ id }) => id}
        rowName={({ name }) => name}
        card={(key) => (
          <div className="grid grid-cols-[1fr_auto] gap-x-3 gap-y-1">
            <KeyLink apiKey={key} org={org} />
            <StatusBadge look={looks[key.status]}>{t.keys.status[key.status]}</StatusBadge>
            <KeyText text={key.hint} className="text-12" />
          </div>
        )}
      />
      <ListFoot list={list} noun={t.keys.noun} />
    </div>
  )
}

const KeyLink = ({ apiKey, org }: { apiKey: Placed<Key>; org: string }) => (
  <TextLink
    to={'/o/$org/integrations/api-keys/$key'}
    params={{ org, key: apiKey.id }}
    search={{ env: apiKey.environment }}
    className="text-ink!"
  >
    {apiKey.name}
  </TextLink>
)

const columns = (org: string): Column<Placed<Key>>[] => [
  {
    id: 'name',
    header: t.keys.columns.name,
    isRowHeader: true,
    cell: (key) => (
      <>
        <KeyLink apiKey={key} org={org} />
        <KeyText text={key.hint} className="block text-12" />
      </>
    ),
  },
  { id: 'status', header: t.keys.columns.status, cell: ({ status }) => <StatusBadge look={looks[status]}>{t.keys.status[status]}</StatusBadge> },
  { id: 'used', header: t.keys.columns.lastUsed, cell: ({ last_used_at }) => <Time at={last_used_at} /> },
  { id: 'expires', header: t.keys.columns.expires, cell: ({ expires_at }) => <Time at={expires_at} /> },
]
