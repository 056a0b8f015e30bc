import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { adminOrganizationsQuery } from '@/control/queries'
import type { AdminOrganization } from '@/control/types'
import { usePageTitle } from '@/environment/title'
import { useEnvironmentChoice } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { Empty } from '@/kit/Empty'
import { FilterBar } from '@/kit/FilterBar'
import { Loaded } from '@/kit/Loaded'
import { PageHead } from '@/kit/PageHead'
import { DataTable } from '@/kit/table/DataTable'
import { TablePage } from '@/kit/table/TablePage'
import type { EnvironmentChoice } from '@/lib/environments'
import { t } from '@/strings'
import { admin as adminTexts } from '@/strings/admin'
import { CreateOrganization } from './CreateOrganization'
import { OrganizationCard, organizationColumns } from './organizationColumns'
import { OrganizationMenu } from './OrganizationMenu'
import { Unadopted } from './Unadopted'

const words = adminTexts.organizations

interface Filters {
  q?: string
  status?: string
}

/** The organizations that the filters and the chosen environment leave. */
export function filtered(organizations: AdminOrganization[], { q = '', status }: Filters, view: EnvironmentChoice): AdminOrganization[] {
  const text = q.trim().toLowerCase()
  return organizations
    .filter(({ name, slug, id }) => text === '' || `${name} ${slug} ${id}`.toLowerCase().includes(text))
    .filter(({ suspended }) => !status || (status === 'suspended') === suspended)
    .filter(({ environments }) => view === 'all' || environments.some(({ name }) => name === view))
}

export function OrganizationsPage() {
  usePageTitle(words.title)
  const view = useEnvironmentChoice()
  const { q, status }: Filters = useSearch({ strict: false })
  const navigate = useNavigate()
  const [isCreating, setCreating] = useState(false)
  const query = useQuery({
    ...adminOrganizationsQuery,
    // While one is being set up, until it is.
    refetchInterval: ({ state }) => (state.data?.some(({ environments }) => environments.some((each) => each.state === 'wanted')) ? 3000 : false),
  })
  const change = (next: Filters, replace = false) => void navigate({ to: '.', replace, search: (before: Record<string, unknown>) => ({ ...before, ...next }) as never })
  const create = (
    <Button kind="primary" data-create="" icon={<Plus aria-hidden />} onClick={() => setCreating(true)}>
      {words.create}
    </Button>
  )
  return (
    <TablePage
      head={
        <>
          <PageHead title={words.title} subtitle={query.data && words.count(query.data.length)} actions={create} />
          <FilterBar
            search={{ value: q ?? '', label: words.search, onChange: (text) => change({ q: text || undefined }, true) }}
            fields={[
              {
                name: 'status',
                label: words.statusFilter,
                options: [
                  { value: 'active', label: words.status.active },
                  { value: 'suspended', label: words.status.suspended },
                ],
              },
            ]}
            values={{ status }}
            onChange={change}
          />
        </>
      }
    >
      <Loaded query={query} failed={words.failed}>
        {(organizations) => {
          const rows = filtered(organizations, { q, status }, view)
          if (organizations.length === 0)
            return (
              <Empty title={words.none} actions={create}>
                {words.noneText}
              </Empty>
            )
          if (rows.length === 0)
            return <Empty title={words.filtered} actions={<Button onClick={() => change({ q: undefined, status: undefined })}>{t.common.clearFilters}</Button>} />
          return (
            <DataTable<AdminOrganization>
              label={words.title}
              columns={organizationColumns}
              rows={rows}
              rowId={({ id }) => id}
              rowName={({ name }) => name}
              actions={(organization) => <OrganizationMenu organization={organization} />}
              card={(organization) => <OrganizationCard organization={organization} />}
            />
          )
        }}
      </Loaded>
      <div className="sticky left-0 w-[100cqw]">
        <Unadopted />
      </div>
      {isCreating && <CreateOrganization onClose={() => setCreating(false)} />}
    </TablePage>
  )
}
