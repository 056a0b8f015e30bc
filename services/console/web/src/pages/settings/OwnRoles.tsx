import { Pencil, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { Member, Role } from '@/control/types'
import { AlertDialog } from '@/kit/AlertDialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { MenuItem, MenuRule } from '@/kit/Menu'
import { RowMenu } from '@/kit/table/RowMenu'
import { Time } from '@/kit/Time'
import { organizationCall, path } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useChange } from '@/lib/useChange'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { membersWith } from './memberRoles'

const words = settingsTexts.roles

interface Props {
  roles: Role[]
  environment: Environment
  members: Member[]
  onEdit: (role: Role) => void
}

export function OwnRoles({ roles, environment, members, onEdit }: Props) {
  const { may } = useAuthority()
  const [deleted, setDeleted] = useState<Role | null>(null)
  if (roles.length === 0) return <p className="text-13 text-muted">{words.none}</p>
  return (
    <>
      <ul className="-mt-1">
        {roles.map((role) => (
          <li key={role.id} data-row="" tabIndex={-1} className="flex items-center gap-4 border-b border-line py-2 text-13 last:border-b-0">
            <span className="min-w-0 flex-1">
              <span className="font-medium">{role.name}</span>
              <span className="block text-12 text-muted">{role.description || t.common.none}</span>
            </span>
            <span className="w-44 text-12 max-wide:hidden">
              {role.permissions.includes('*') ? words.all : words.permissionsOf(role.permissions.length)}
              <span className="block text-muted">{words.members(membersWith(members, role.id, [environment]))}</span>
            </span>
            <span className="w-28 text-12 text-muted max-wide:hidden">
              <Time at={role.updated_at} />
            </span>
            <RowMenu name={role.name}>
              <MenuItem icon={<Pencil aria-hidden />} disabled={!may(environment, 'roles.update')} onSelect={() => onEdit(role)}>
                {t.common.edit}
              </MenuItem>
              <MenuRule />
              <MenuItem final icon={<Trash2 aria-hidden />} disabled={!may(environment, 'roles.delete')} onSelect={() => setDeleted(role)}>
                {t.common.delete}
              </MenuItem>
            </RowMenu>
          </li>
        ))}
      </ul>
      {deleted && <DeleteRole role={deleted} environment={environment} holders={membersWith(members, deleted.id, [environment])} onClose={() => setDeleted(null)} />}
    </>
  )
}

interface DeleteProps {
  role: Role
  environment: Environment
  holders: number
  onClose: () => void
}

function DeleteRole({ role, environment, holders, onClose }: DeleteProps) {
  const { organization } = useOrganization()
  const act = useChange(() => organizationCall(environment, organization.slug, path('roles', role.id), { method: 'DELETE' }), {
    stale: [['roles', environment], ['members', organization.slug], ['keys']],
    done: words.delete.done,
    after: onClose,
  })
  return (
    <AlertDialog
      open
      onClose={onClose}
      title={words.delete.title}
      subject={
        <span className="flex items-center gap-2 font-medium">
          {role.name} <EnvironmentBadge environment={environment} />
        </span>
      }
      verb={words.delete.verb}
      kind="final"
      busy={act.isBusy && words.delete.busy}
      failure={act.failure}
      typed={holders > 0 ? { label: t.common.typeToConfirm, text: role.name } : undefined}
      onConfirm={() => act.run()}
    >
      {words.delete.text}
    </AlertDialog>
  )
}
