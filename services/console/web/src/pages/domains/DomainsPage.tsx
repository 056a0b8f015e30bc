import { useNavigate, useSearch } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import type { Domain } from '@/client/types.gen'
import { EmptyIn } from '@/environment/EmptyIn'
import { usePageTitle } from '@/environment/title'
import { useEnvironments } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { Empty } from '@/kit/Empty'
import { ErrorPanel } from '@/kit/ErrorPanel'
import { FilterBar } from '@/kit/FilterBar'
import { PageHead } from '@/kit/PageHead'
import { DataTable } from '@/kit/table/DataTable'
import { ListFoot } from '@/kit/table/ListFoot'
import { TablePage } from '@/kit/table/TablePage'
import { organizationCall, type Page } from '@/lib/api'
import { useMerged, type Placed } from '@/lib/merged'
import { asFailure } from '@/lib/problem'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { domains as domainTexts } from '@/strings/domains'
import { newestFirst } from '../customers/queries'
import { AddDomain } from './AddDomain'
import { DomainCard, domainColumns } from './columns'
import { DnsRecord } from './DnsRecord'
import { DomainMenu } from './DomainMenu'

const words = domainTexts

export function DomainsPage() {
  usePageTitle(words.title)
  const { organization } = useOrganization()
  const org = organization.slug
  const { view, environments } = useEnvironments()
  const { mayAny, reason } = useAuthority()
  const { q = '' }: { q?: string } = useSearch({ strict: false })
  const navigate = useNavigate()
  const [isAdding, setAdding] = useState(false)
  const [shown, setShown] = useState<Placed<Domain> | null>(null)
  const list = useMerged<Domain>({
    key: ['domains', org, q],
    environments,
    fetch: async (environment, cursor, signal) =>
      (await organizationCall<Page<Domain>>(environment, org, '/domains', { query: { text: q, cursor, limit: 50 }, signal })).data,
    compare: newestFirst,
  })
  const search = (text: string) =>
    void navigate({ to: '.', replace: true, search: (before: Record<string, unknown>) => ({ ...before, q: text || undefined }) })
  const mayAdd = mayAny(environments, 'domains.create')
  const add = (
    <Button
      kind="primary"
      data-create=""
      icon={<Plus aria-hidden />}
      reason={mayAdd ? undefined : reason(environments[0] ?? 'production', 'domains.create')}
      onClick={() => setAdding(true)}
    >
      {words.add}
    </Button>
  )
  const isEmpty = list.isSuccess && list.items.length === 0 && list.failures.length === 0
  const nothing =
    q !== '' ? (
      <Empty title={words.empty.filtered} actions={<Button onClick={() => search('')}>{t.common.clearFilters}</Button>} />
    ) : view === 'all' ? (
      <Empty title={words.empty.title} actions={mayAdd && add}>
        {words.empty.text}
      </Empty>
    ) : (
      <EmptyIn title={words.empty.inEnvironment} environment={view} action={mayAdd && add} />
    )
  return (
    <TablePage
      head={
        <>
          <PageHead title={words.title} subtitle={words.subtitle} actions={isEmpty && q === '' && mayAdd ? undefined : add} />
          {(!isEmpty || q !== '') && <FilterBar search={{ value: q, label: words.search, onChange: search }} fields={[]} values={{}} onChange={() => undefined} />}
        </>
      }
    >
      {list.isError ? (
        <ErrorPanel title={words.loadFailed} failure={asFailure(list.error)} onRetry={() => void list.refetch()} />
      ) : isEmpty ? (
        nothing
      ) : (
        <>
          <DataTable<Placed<Domain>>
            label={words.title}
            columns={domainColumns(view === 'all', setShown)}
            rows={list.items}
            rowId={({ environment, id }) => `${environment} ${id}`}
            rowName={({ unicode_name }) => unicode_name}
            onOpen={setShown}
            actions={(domain) => <DomainMenu domain={domain} onRecord={() => setShown(domain)} />}
            card={(domain) => <DomainCard domain={domain} onRecord={() => setShown(domain)} />}
            isLoading={list.isPending}
            isDimmed={list.isPlaceholderData}
          />
          {!list.isPending && <ListFoot list={list} noun={words.noun} />}
        </>
      )}
      {isAdding && (
        <AddDomain
          onClose={() => setAdding(false)}
          onAdded={(domain) => {
            setAdding(false)
            setShown(domain)
          }}
        />
      )}
      {shown && <DnsRecord domain={shown} onClose={() => setShown(null)} />}
    </TablePage>
  )
}
