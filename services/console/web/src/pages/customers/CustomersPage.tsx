import { useNavigate, useSearch } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import type { Customer } from '@/client/types.gen'
import { usePageTitle } from '@/environment/title'
import { useEnvironments } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { FilterBar } from '@/kit/FilterBar'
import { ErrorPanel } from '@/kit/ErrorPanel'
import { PageHead } from '@/kit/PageHead'
import { DataTable } from '@/kit/table/DataTable'
import { ListFoot } from '@/kit/table/ListFoot'
import { TablePage } from '@/kit/table/TablePage'
import { organizationCall, type Page } from '@/lib/api'
import { useMerged, type Placed } from '@/lib/merged'
import { asFailure } from '@/lib/problem'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { customers as customerTexts } from '@/strings/customers'
import { CustomerCard, customerColumns } from './columns'
import { CustomerForm } from './CustomerForm'
import { CustomerMenu } from './CustomerMenu'
import { NoCustomers } from './NoCustomers'
import { newestFirst } from './queries'

const words = customerTexts

export function CustomersPage() {
  usePageTitle(words.title)
  const { organization } = useOrganization()
  const org = organization.slug
  const { view, environments } = useEnvironments()
  const { mayAny, reason } = useAuthority()
  const { q = '' }: { q?: string } = useSearch({ strict: false })
  const navigate = useNavigate()
  const [isCreating, setCreating] = useState(false)
  const list = useMerged<Customer>({
    key: ['customers', org, q],
    environments,
    fetch: async (environment, cursor, signal) =>
      (await organizationCall<Page<Customer>>(environment, org, '/customers', { query: { text: q, cursor, limit: 50 }, signal })).data,
    compare: newestFirst,
  })
  const search = (text: string) =>
    void navigate({ to: '.', replace: true, search: (before: Record<string, unknown>) => ({ ...before, q: text || undefined }) })
  const open = (customer: Placed<Customer>) =>
    void navigate({ to: '/o/$org/customers/$customer', params: { org, customer: customer.id }, search: { env: customer.environment } })
  const create = (
    <Button
      kind="primary"
      data-create=""
      icon={<Plus aria-hidden />}
      reason={mayAny(environments, 'customers.create') ? undefined : reason(environments[0] ?? 'production', 'customers.create')}
      onClick={() => setCreating(true)}
    >
      {words.create}
    </Button>
  )
  const isEmpty = list.isSuccess && list.items.length === 0 && list.failures.length === 0
  return (
    <TablePage
      head={
        <>
          <PageHead title={words.title} subtitle={words.subtitle} actions={create} />
          {(!isEmpty || q !== '') && <FilterBar search={{ value: q, label: words.search, onChange: search }} fields={[]} values={{}} onChange={() => undefined} />}
        </>
      }
    >
      {list.isError ? (
        <ErrorPanel title={words.loadFailed} failure={asFailure(list.error)} onRetry={() => void list.refetch()} />
      ) : isEmpty ? (
        <NoCustomers text={q} onClear={() => search('')} onCreate={() => setCreating(true)} />
      ) : (
        <>
          <DataTable<Placed<Customer>>
            label={words.title}
            columns={customerColumns(view === 'all', org)}
            rows={list.items}
            rowId={({ environment, id }) => `${environment} ${id}`}
            rowName={({ name }) => name}
            onOpen={open}
            actions={(customer) => <CustomerMenu customer={customer} />}
            card={(customer) => <CustomerCard customer={customer} org={org} />}
            isLoading={list.isPending}
            isDimmed={list.isPlaceholderData}
          />
          {!list.isPending && <ListFoot list={list} noun={words.noun} />}
        </>
      )}
      {isCreating && <CustomerForm onClose={() => setCreating(false)} />}
    </TablePage>
  )
}
