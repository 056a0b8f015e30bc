import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { adminUsersQuery } from '@/control/queries'
import type { AdminUser } from '@/control/types'
import { usePageTitle } from '@/environment/title'
import { Avatar } from '@/kit/Avatar'
import { Button } from '@/kit/Button'
import { Empty } from '@/kit/Empty'
import { FilterBar } from '@/kit/FilterBar'
import { Loaded } from '@/kit/Loaded'
import { PageHead } from '@/kit/PageHead'
import { StatusBadge } from '@/kit/StatusBadge'
import type { Column } from '@/kit/table/columns'
import { DataTable } from '@/kit/table/DataTable'
import { TablePage } from '@/kit/table/TablePage'
import { Tag } from '@/kit/Tag'
import { Time } from '@/kit/Time'
import { count } from '@/lib/numbers'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { admin as adminTexts } from '@/strings/admin'
import { UserMenu } from './UserMenu'

const words = adminTexts.users

export function UsersPage() {
  usePageTitle(words.title)
  const { user } = useSession()
  const { q = '' }: { q?: string } = useSearch({ strict: false })
  const navigate = useNavigate()
  const query = useQuery({ ...adminUsersQuery(q), placeholderData: keepPreviousData })
  const search = (text: string) => void navigate({ to: '.', replace: true, search: (before: Record<string, unknown>) => ({ ...before, q: text || undefined }) as never })
  return (
    <TablePage
      head={
        <>
          <PageHead title={words.title} subtitle={words.subtitle} />
          <FilterBar search={{ value: q, label: words.search, onChange: search }} fields={[]} values={{}} onChange={() => undefined} />
        </>
      }
    >
      <Loaded query={query} failed={words.failed}>
        {(users) =>
          users.length === 0 ? (
            <Empty title={words.filtered} actions={<Button onClick={() => search('')}>{t.common.clearFilters}</Button>} />
          ) : (
            <>
              <DataTable<AdminUser>
                label={words.title}
                columns={columns(user.id)}
                rows={users}
                rowId={({ id }) => id}
                rowName={({ name, email }) => name || email}
                isDimmed={query.isPlaceholderData}
                actions={(each) => <UserMenu user={each} isSelf={each.id === user.id} />}
                card={(each) => (
                  <div className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 gap-y-1.5">
                    <Who user={each} isSelf={each.id === user.id} />
                    <Status user={each} />
                  </div>
                )}
              />
              <p role="status" className="sticky left-0 w-[100cqw] px-4 pt-3 pb-20 text-12 text-muted wide:px-6">
                {count(users.length)} {words.noun}
              </p>
            </>
          )
        }
      </Loaded>
    </TablePage>
  )
}

const Who = ({ user, isSelf }: { user: AdminUser; isSelf: boolean }) => (
  <span className="flex items-center gap-2.5">
    <Avatar name={user.name || user.email} />
    <span className="min-w-0">
      <span className="font-medium">{user.name || user.email}</span> {isSelf && <span className="text-muted">{words.you}</span>}
      {user.is_server_admin && (
        <>
          {' '}
          <Tag>{words.serverAdmin}</Tag>
        </>
      )}
      <span className="block text-12 break-all text-muted">{user.email}</span>
    </span>
  </span>
)

function Status({ user }: { user: AdminUser }) {
  if (user.disabled_at)
    return (
      <StatusBadge look="inactive" marks={[{ text: <Time at={user.disabled_at} form="brief" /> }]}>
        {words.status.disabled}
      </StatusBadge>
    )
  return <StatusBadge look="active">{words.status.active}</StatusBadge>
}

const columns = (self: string): Column<AdminUser>[] => [
  { id: 'user', header: words.columns.user, isRowHeader: true, cell: (user) => <Who user={user} isSelf={user.id === self} /> },
  { id: 'status', header: words.columns.status, cell: (user) => <Status user={user} /> },
  {
    id: 'factor',
    header: words.columns.factor,
    cell: ({ has_second_factor }) => (
      <StatusBadge look={has_second_factor ? 'succeeded' : 'caution'}>{has_second_factor ? words.on : words.none}</StatusBadge>
    ),
  },
  { id: 'organizations', header: words.columns.organizations, align: 'right', width: 'pr-8!', cell: ({ organizations }) => count(organizations) },
  { id: 'seen', header: words.columns.lastActive, cell: ({ last_seen_at }) => <Time at={last_seen_at} /> },
]
