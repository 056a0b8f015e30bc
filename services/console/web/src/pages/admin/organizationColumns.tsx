import { clsx } from 'clsx'
import type { AdminOrganization } from '@/control/types'
import { environmentLook } from '@/kit/EnvironmentBadge'
import { StatusBadge } from '@/kit/StatusBadge'
import type { Column } from '@/kit/table/columns'
import { Time } from '@/kit/Time'
import { environmentTag } from '@/lib/environments'
import { count } from '@/lib/numbers'
import { admin as adminTexts } from '@/strings/admin'

const words = adminTexts.organizations

const Status = ({ organization }: { organization: AdminOrganization }) => (
  <StatusBadge look={organization.suspended ? 'suspended' : 'active'}>{organization.suspended ? words.status.suspended : words.status.active}</StatusBadge>
)

/** In which environments it exists, by the tag in each one's colour; what is not ready says so. */
const Environments = ({ organization }: { organization: AdminOrganization }) => (
  <span className="flex flex-wrap gap-x-3 text-12">
    {organization.environments.map(({ name, state, reason }) => (
      <span key={name} title={reason ?? undefined} className="whitespace-nowrap">
        <span className={clsx('font-mono font-semibold', environmentLook[name].text)}>{environmentTag[name]}</span>{' '}
        <span className={{ ready: 'text-muted', wanted: 'text-soon', failed: 'text-danger' }[state]}>{words.states[state]}</span>
      </span>
    ))}
  </span>
)

export const organizationColumns: Column<AdminOrganization>[] = [
  {
    id: 'name',
    header: words.columns.name,
    isRowHeader: true,
    cell: ({ name, slug }) => (
      <>
        <span className="font-medium">{name}</span>
        <span className="block font-mono text-12 text-muted">{slug}</span>
      </>
    ),
  },
  { id: 'status', header: words.columns.status, cell: (organization) => <Status organization={organization} /> },
  { id: 'members', header: words.columns.members, align: 'right', width: 'pr-8!', cell: ({ members }) => count(members) },
  { id: 'environments', header: words.columns.environments, cell: (organization) => <Environments organization={organization} /> },
  { id: 'created', header: words.columns.created, cell: ({ created_at }) => <Time at={created_at} form="brief" className="text-muted" /> },
]

export const OrganizationCard = ({ organization }: { organization: AdminOrganization }) => (
  <div className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 gap-y-1 *:even:justify-self-end">
    <span className="truncate font-medium">{organization.name}</span>
    <Status organization={organization} />
    <span className="font-mono text-12 text-muted">{organization.slug}</span>
    <span className="text-12 text-muted">{`${count(organization.members)} ${words.columns.members.toLowerCase()}`}</span>
    <span className="col-span-2">
      <Environments organization={organization} />
    </span>
  </div>
)
