import type { Customer } from '@/client/types.gen'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { StatusBadge } from '@/kit/StatusBadge'
import type { Column } from '@/kit/table/columns'
import { TextLink } from '@/kit/TextLink'
import { Time } from '@/kit/Time'
import type { Placed } from '@/lib/merged'
import { t } from '@/strings'
import { customers as customerTexts } from '@/strings/customers'
import { limitText } from '../keys/limits'

const words = customerTexts

interface LinkProps {
  customer: Placed<Customer>
  org: string
  className?: string
}

/** A customer's name, as the way to its page. */
export const CustomerLink = ({ customer, org, className }: LinkProps) => (
  <TextLink
    to={'/o/$org/customers/$customer'}
    params={{ org, customer: customer.id }}
    search={{ env: customer.environment }}
    className={`text-ink! ${className ?? ''}`}
  >
    {customer.name}
  </TextLink>
)

export function CustomerStatus({ customer }: { customer: Customer }) {
  return customer.status === 'suspended' ? (
    <StatusBadge look="suspended" marks={customer.suspended_at ? [{ text: <Time at={customer.suspended_at} form="brief" /> }] : []}>
      {words.status.suspended}
    </StatusBadge>
  ) : (
    <StatusBadge look="active">{words.status.active}</StatusBadge>
  )
}

export const customerColumns = (showsEnvironment: boolean, org: string): Column<Placed<Customer>>[] => [
  {
    id: 'name',
    header: words.columns.name,
    isRowHeader: true,
    bar: 'w-40',
    cell: (customer) => (
      <>
        <CustomerLink customer={customer} org={org} />
        <span className="block font-mono text-12 text-muted">{customer.external_id ?? t.common.none}</span>
      </>
    ),
  },
  ...(showsEnvironment
    ? [{ id: 'environment', header: words.columns.environment, fixed: true, cell: ({ environment }: Placed<Customer>) => <EnvironmentBadge environment={environment} /> }]
    : []),
  { id: 'status', header: words.columns.status, cell: (customer) => <CustomerStatus customer={customer} /> },
  {
    id: 'limits',
    header: words.columns.limits,
    cell: ({ limits }) =>
      limits.length === 0 ? <span className="text-muted">{words.noLimits}</span> : limits.map((limit) => <span key={limit.name} className="block">{limitText(limit)}</span>),
  },
  { id: 'created', header: words.columns.created, cell: ({ created_at }) => <Time at={created_at} /> },
  { id: 'updated', header: words.columns.updated, cell: ({ updated_at }) => <Time at={updated_at} /> },
]

/** A customer where there is no room for a table. */
export function CustomerCard({ customer, org }: LinkProps) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 gap-y-1 *:even:justify-self-end">
      <CustomerLink customer={customer} org={org} className="truncate" />
      <CustomerStatus customer={customer} />
      <span className="truncate font-mono text-12 text-muted">{customer.external_id ?? t.common.none}</span>
      <EnvironmentBadge environment={customer.environment} />
    </div>
  )
}
