import { CircleAlert, CircleCheck, KeyRound, UserMinus } from 'lucide-react'
import { useNavigate } from '@tanstack/react-router'
import { useState, type ComponentType } from 'react'
import { ofOrganization } from '@/control/queries'
import type { Member, Role, Roles } from '@/control/types'
import { useEnvironments } from '@/environment/useEnvironment'
import { AlertDialog } from '@/kit/AlertDialog'
import { Avatar } from '@/kit/Avatar'
import { MenuItem, MenuRule } from '@/kit/Menu'
import { Select } from '@/kit/Select'
import { RowMenu } from '@/kit/table/RowMenu'
import { Time } from '@/kit/Time'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { settings as settingsTexts } from '@/strings/settings'
import { noRole, roleName, roleOptions, sharedRole } from './memberRoles'
import type { CellsProps } from './MembersTable'

const words = settingsTexts.members

interface Props {
  member: Member
  own: Role[]
  Cells: ComponentType<CellsProps>
}

export function MemberRow({ member, own, Cells }: Props) {
  const { user } = member
  return (
    <Cells
      who={
        <span className="flex items-center gap-2.5">
          <Avatar name={user.name || user.email} />
          <span className="min-w-0">
            <span className="font-medium">{user.name || user.email}</span> {member.is_self && <span className="text-muted">{words.you}</span>}
            {member.disabled_at && <span className="text-danger">{words.disabled}</span>}
            <span className="block text-12 break-all text-muted">{user.email}</span>
          </span>
        </span>
      }
      role={<RoleOfMember member={member} own={own} />}
      factor={
        member.has_second_factor ? (
          <span className="flex items-center gap-1.5">
            <CircleCheck aria-hidden className="text-active" /> {words.factorOn}
          </span>
        ) : (
          <span className="flex items-center gap-1.5 text-soon">
            <CircleAlert aria-hidden /> {words.factorNone}
          </span>
        )
      }
      times={[<Time key="seen" at={member.last_seen_at} />, <Time key="joined" at={member.joined_at} />]}
      actions={<MemberMenu member={member} />}
    />
  )
}

/** The role in the chosen environment, or in all of them; changed on the spot, once the server has it. */
function RoleOfMember({ member, own }: { member: Member; own: Role[] }) {
  const { organization } = useOrganization()
  const { environments } = useEnvironments()
  const { isManager } = useIsManager()
  const role = sharedRole(member.roles, environments)
  const act = useChange(
    (roles: Roles) => controlCall(ofOrganization(organization.slug, 'members', member.id), { method: 'PATCH', body: { roles } }),
    { stale: [['members', organization.slug], ['session']], done: words.roleChanged },
  )
  if (!isManager || member.is_self) return <span>{role === undefined ? words.varies : roleName(role, own)}</span>
  const choose = (next: string) => act.run(Object.fromEntries(environments.map((name) => [name, next === noRole ? null : next])))
  return (
    <span className="block">
      <Select
        label={words.roleOf(member.user.name || member.user.email)}
        className="w-auto! border-transparent! bg-transparent! pl-0! hover:border-control! [&>span]:flex-none"
        options={roleOptions(environments, own, true)}
        value={role === undefined ? null : (role ?? noRole)}
        placeholder={words.varies}
        disabled={act.isBusy}
        onChange={choose}
      />
      {act.failure && (
        <span role="alert" className="block text-12 text-danger">
          {act.failure.problem.detail}
        </span>
      )}
    </span>
  )
}

function MemberMenu({ member }: { member: Member }) {
  const { organization } = useOrganization()
  const { isManager } = useIsManager()
  const navigate = useNavigate()
  const [isRemoving, setRemoving] = useState(false)
  const name = member.user.name || member.user.email
  const act = useChange(() => controlCall(ofOrganization(organization.slug, 'members', member.id), { method: 'DELETE' }), {
    stale: [['members', organization.slug], ['session']],
    done: words.removed,
    after: () => {
      setRemoving(false)
      if (member.is_self) void navigate({ to: '/' })
    },
  })
  const title = member.is_self ? words.leaveTitle : words.removeTitle
  return (
    <>
      <RowMenu name={name}>
        <MenuItem
          icon={<KeyRound aria-hidden />}
          onSelect={() => void navigate({ to: '/o/$org/integrations/api-keys', params: { org: organization.slug }, search: { created_by: member.id } })}
        >
          {words.keys}
        </MenuItem>
        <MenuRule />
        <MenuItem final icon={<UserMinus aria-hidden />} disabled={!isManager && !member.is_self} onSelect={() => setRemoving(true)}>
          {member.is_self ? words.leave : words.remove}
        </MenuItem>
      </RowMenu>
      <AlertDialog
        open={isRemoving}
        onClose={() => {
          act.reset()
          setRemoving(false)
        }}
        title={title}
        subject={<span className="font-medium">{name}</span>}
        verb={title}
        kind="final"
        busy={act.isBusy && words.removing}
        failure={act.failure}
        onConfirm={() => act.run()}
      >
        {member.is_self ? words.leaveText : words.removeText}
      </AlertDialog>
    </>
  )
}
