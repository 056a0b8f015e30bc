import { CircleDashed, Clock, User } from 'lucide-react'
import { useState, type ComponentType } from 'react'
import { ofOrganization } from '@/control/queries'
import type { Invite, InviteLink, Role } from '@/control/types'
import { useEnvironments } from '@/environment/useEnvironment'
import { AlertDialog } from '@/kit/AlertDialog'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { Time } from '@/kit/Time'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useOrganization } from '@/session/useOrganization'
import { settings as settingsTexts } from '@/strings/settings'
import { roleName, sharedRole } from './memberRoles'
import type { CellsProps } from './MembersTable'

const words = settingsTexts.members

interface Props {
  invite: Invite
  own: Role[]
  link: string | undefined
  onLinks: (made: InviteLink[]) => void
  Cells: ComponentType<CellsProps>
}

/** Somebody who has been invited: the link can be copied while this page knows it, and made anew. */
export function InviteRow({ invite, own, link, onLinks, Cells }: Props) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { environments } = useEnvironments()
  const [isCancelling, setCancelling] = useState(false)
  const stale = [['invites', org]]
  const resend = useChange(async () => (await controlCall<InviteLink>(ofOrganization(org, 'invites', invite.id, 'resend'), { method: 'POST' })).data, {
    stale,
    done: words.resent,
    after: (made) => onLinks([made]),
  })
  const cancel = useChange(() => controlCall(ofOrganization(org, 'invites', invite.id), { method: 'DELETE' }), {
    stale,
    done: words.cancelled,
    after: () => setCancelling(false),
  })
  const isExpired = invite.state === 'expired'
  const role = sharedRole(invite.roles, environments)
  const failure = resend.failure ?? null
  return (
    <>
      <Cells
        isMuted
        who={
          <span className="flex items-center gap-2.5">
            <span aria-hidden className="grid size-7 shrink-0 place-items-center rounded-full border border-dashed border-line-strong text-muted">
              <User className="size-3.5" />
            </span>
            <span className="min-w-0">
              <span className="font-medium break-all">{invite.email}</span>
              <span className="block text-12 text-muted">
                {isExpired ? words.expiredAgo : words.invitedBy(invite.inviter?.name || invite.inviter?.email)}
                <Time at={invite.expires_at} />
              </span>
            </span>
          </span>
        }
        role={<span>{role === undefined ? words.varies : roleName(role, own)}</span>}
        factor={
          <span className="flex items-center gap-1.5 text-muted">
            {isExpired ? <Clock aria-hidden /> : <CircleDashed aria-hidden />} {isExpired ? words.inviteExpired : words.invited}
          </span>
        }
        actions={
          <span className="inline-flex flex-wrap items-center justify-end gap-2">
            {failure && (
              <span role="alert" className="text-12 text-danger">
                {failure.problem.detail}
              </span>
            )}
            {link && <Copy text={link} wording={words.copyLink} kind="secondary" size="row" />}
            <Button size="row" disabled={resend.isBusy} onClick={() => resend.run()}>
              {words.resend}
            </Button>
            <Button size="row" kind="ghost" onClick={() => setCancelling(true)}>
              {words.cancelInvite}
            </Button>
          </span>
        }
      />
      <AlertDialog
        open={isCancelling}
        onClose={() => setCancelling(false)}
        title={words.cancelInviteTitle}
        subject={<span className="font-medium">{invite.email}</span>}
        verb={words.cancelInviteVerb}
        kind="reversible"
        busy={cancel.isBusy && words.removing}
        failure={cancel.failure}
        onConfirm={() => cancel.run()}
      >
        {words.cancelInviteText}
      </AlertDialog>
    </>
  )
}
