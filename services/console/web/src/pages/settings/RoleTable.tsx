import { clsx } from 'clsx'
import type { Member, Role } from '@/control/types'
import type { Environment } from '@/lib/environments'
import { accessOf, builtInRoles, roleGroups } from '@/session/roles'
import { settings as settingsTexts } from '@/strings/settings'
import { membersWith } from './memberRoles'
import { grantable, ownAccess } from './roleTable'
import { useCatalogue } from './useCatalogue'

const words = settingsTexts.roles

interface Props {
  members: Member[]
  own: Role[]
  environments: Environment[]
}

/** What each role may do with each group of permissions, in words. */
export function RoleTable({ members, own, environments }: Props) {
  const catalogue = useCatalogue(environments[0])
  const names = grantable(catalogue.data ?? [])
  const columns = [
    ...builtInRoles.map((role) => ({
      id: role,
      name: words.builtIn[role] ?? role,
      detail: words.members(membersWith(members, role, environments)),
      access: (group: string) => accessOf(role, group),
    })),
    ...own.map((role) => ({
      id: role.id,
      name: role.name,
      detail: words.own(membersWith(members, role.id, environments)),
      access: (group: string) => ownAccess(role.permissions, group, names),
    })),
  ]
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={words.title}>
      <table className="w-full min-w-160 border-separate border-spacing-0 text-13">
        <thead>
          <tr>
            <th scope="col" className="sticky left-0 z-10 h-11 border-b border-line-strong bg-panel px-4 text-left text-12 font-medium text-muted wide:px-6">
              {words.group}
            </th>
            {columns.map(({ id, name, detail }) => (
              <th key={id} scope="col" className="border-b border-l border-b-line-strong border-l-line px-2 text-left font-medium whitespace-nowrap">
                {name}
                <span className="block text-12 font-normal text-muted">{detail}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {roleGroups.map((group) => (
            <tr key={group} className="h-8.5">
              <th scope="row" className="sticky left-0 z-10 border-b border-line bg-panel px-4 text-left font-medium whitespace-nowrap wide:px-6">
                {words.groups[group] ?? group}
              </th>
              {columns.map(({ id, access }) => {
                const held = access(group)
                return (
                  <td key={id} className={clsx('border-b border-l border-line px-2 whitespace-nowrap', held === 'w' ? 'font-medium' : 'text-muted')}>
                    {words.access[held]}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
