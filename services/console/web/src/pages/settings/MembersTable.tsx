import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import type { Invite, InviteLink, Member, Role } from '@/control/types'
import { useIsWide } from '@/kit/useIsWide'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { InviteRow } from './InviteRow'
import { MemberRow } from './MemberRow'

const words = settingsTexts.members

interface Props {
  members: Member[]
  invites: Invite[]
  own: Role[]
  /** The links of invitations that were made on this page, by the invitation's id. */
  links: ReadonlyMap<string, string>
  onLinks: (made: InviteLink[]) => void
}

/** Members, and below them in the same table those who have been invited. */
export function MembersTable({ members, invites, own, links, onLinks }: Props) {
  const isWide = useIsWide()
  if (!isWide)
    return (
      <ul aria-label={words.title}>
        {members.map((member) => (
          <MemberRow key={member.id} member={member} own={own} Cells={NarrowCells} />
        ))}
        {invites.map((invite) => (
          <InviteRow key={invite.id} invite={invite} own={own} link={links.get(invite.id)} onLinks={onLinks} Cells={NarrowCells} />
        ))}
      </ul>
    )
  const heads = [words.columns.member, words.columns.role, words.columns.factor, words.columns.lastActive, words.columns.joined]
  return (
    <div className="overflow-x-auto">
      <table aria-label={words.title} className="w-full border-separate border-spacing-0 text-13">
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col" className="h-8 border-b border-line-strong pr-3 text-left text-12 font-medium text-muted first:pl-4 wide:first:pl-6">
                {head}
              </th>
            ))}
            <th scope="col" className="border-b border-line-strong">
              <span className="sr-only">{t.common.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => (
            <MemberRow key={member.id} member={member} own={own} Cells={WideCells} />
          ))}
          {invites.map((invite) => (
            <InviteRow key={invite.id} invite={invite} own={own} link={links.get(invite.id)} onLinks={onLinks} Cells={WideCells} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The parts of a row, which stand beside one another or below. */
export interface CellsProps {
  who: ReactNode
  role: ReactNode
  factor: ReactNode
  times?: [ReactNode, ReactNode]
  actions: ReactNode
  isMuted?: boolean
}

function WideCells({ who, role, factor, times, actions, isMuted }: CellsProps) {
  const look = clsx('border-b border-line py-1 pr-3', isMuted && 'bg-bg')
  return (
    <tr data-row="" tabIndex={-1} className="h-[var(--row,var(--size-row))] -outline-offset-2">
      <th scope="row" className={clsx(look, 'pl-4 text-left font-normal wide:pl-6')}>
        {who}
      </th>
      <td className={look}>{role}</td>
      <td className={clsx(look, 'whitespace-nowrap')}>{factor}</td>
      {times ? times.map((time, index) => <td key={index} className={clsx(look, 'whitespace-nowrap')}>{time}</td>) : null}
      <td className={clsx(look, 'text-right whitespace-nowrap wide:pr-5')} colSpan={times ? 1 : 3}>
        {actions}
      </td>
    </tr>
  )
}

function NarrowCells({ who, role, factor, actions, isMuted }: CellsProps) {
  return (
    <li data-row="" tabIndex={-1} className={clsx('grid gap-2 border-b border-line px-4 py-3 text-14', isMuted && 'bg-bg')}>
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0">{who}</div>
        {!isMuted && actions}
      </div>
      <div className="flex flex-wrap items-center justify-between gap-3">
        {role}
        {factor}
      </div>
      {isMuted && <div className="flex flex-wrap justify-end gap-2">{actions}</div>}
    </li>
  )
}
