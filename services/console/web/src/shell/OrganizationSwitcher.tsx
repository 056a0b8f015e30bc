import { useNavigate } from '@tanstack/react-router'
import { Check, ChevronsUpDown } from 'lucide-react'
import { Menu, MenuHead, MenuItem } from '@/kit/Menu'
import { useSession } from '@/session/useSession'
import type { SessionOrganization } from '@/session/types'
import { t } from '@/strings'
import { Mark } from './Mark'

/** Names the organization, and leads to the others. */
export function OrganizationSwitcher({ organization }: { organization: SessionOrganization }) {
  const { organizations } = useSession()
  const navigate = useNavigate()
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" aria-label={`${t.shell.switchOrganization}: ${organization.name}`} className="flex h-8 w-full min-w-0 items-center gap-2.5 rounded-control text-13 font-semibold">
          <Mark />
          <span className="min-w-0 flex-1 truncate text-left">{organization.name}</span>
          <ChevronsUpDown aria-hidden className="size-3.5" />
        </button>
      }
    >
      <MenuHead>{t.shell.palette.organizations}</MenuHead>
      {organizations.map((each) => (
        <MenuItem
          key={each.id}
          icon={each.id === organization.id ? <Check aria-hidden /> : <span className="size-4" />}
          onSelect={() => void navigate({ to: '/o/$org', params: { org: each.slug } })}
        >
          {each.name}
        </MenuItem>
      ))}
    </Menu>
  )
}
