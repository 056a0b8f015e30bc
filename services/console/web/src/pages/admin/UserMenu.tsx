import { Ban, KeyRound, Link2, LockOpen, Play } from 'lucide-react'
import { useState } from 'react'
import type { AdminUser } from '@/control/types'
import { AlertDialog } from '@/kit/AlertDialog'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { Dialog } from '@/kit/Dialog'
import { MenuItem } from '@/kit/Menu'
import { RowMenu } from '@/kit/table/RowMenu'
import { controlCall, path } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { t } from '@/strings'
import { admin as adminTexts } from '@/strings/admin'

const words = adminTexts.users

/** What is done, its words, and the last part of its path. */
const acts = {
  disable: { words: words.disable, path: 'disable', kind: 'reversible' },
  enable: { words: words.enable, path: 'enable', kind: 'primary' },
  unlock: { words: words.unlock, path: 'unlock', kind: 'primary' },
  resetFactor: { words: words.resetFactor, path: 'reset-second-factor', kind: 'final' },
} as const
type Act = keyof typeof acts

export function UserMenu({ user, isSelf }: { user: AdminUser; isSelf: boolean }) {
  const [act, setAct] = useState<Act | 'resetPassword' | null>(null)
  return (
    <>
      <RowMenu name={user.name || user.email}>
        {user.disabled_at ? (
          <MenuItem icon={<Play aria-hidden />} onSelect={() => setAct('enable')}>
            {words.menu.enable}
          </MenuItem>
        ) : (
          <MenuItem icon={<Ban aria-hidden />} disabled={isSelf} onSelect={() => setAct('disable')}>
            {words.menu.disable}
          </MenuItem>
        )}
        {user.locked_until && (
          <MenuItem icon={<LockOpen aria-hidden />} onSelect={() => setAct('unlock')}>
            {words.menu.unlock}
          </MenuItem>
        )}
        <MenuItem icon={<KeyRound aria-hidden />} disabled={!user.has_second_factor} onSelect={() => setAct('resetFactor')}>
          {words.menu.resetFactor}
        </MenuItem>
        <MenuItem icon={<Link2 aria-hidden />} onSelect={() => setAct('resetPassword')}>
          {words.menu.resetPassword}
        </MenuItem>
      </RowMenu>
      {act === 'resetPassword' && <ResetPassword user={user} onClose={() => setAct(null)} />}
      {act && act !== 'resetPassword' && <Confirm user={user} act={act} onClose={() => setAct(null)} />}
    </>
  )
}

const Subject = ({ user }: { user: AdminUser }) => (
  <>
    <span className="font-medium">{user.name}</span> <span className="text-muted">{user.email}</span>
  </>
)

function Confirm({ user, act, onClose }: { user: AdminUser; act: Act; onClose: () => void }) {
  const { words: own, path: verb, kind } = acts[act]
  const change = useChange(() => controlCall(path('admin', 'users', user.id, verb), { method: 'POST' }), {
    stale: [['admin', 'users'], ['members']],
    done: own.done,
    after: onClose,
  })
  return (
    <AlertDialog open onClose={onClose} title={own.title} subject={<Subject user={user} />} verb={own.verb} kind={kind} busy={change.isBusy && own.busy} failure={change.failure} onConfirm={() => change.run()}>
      {own.text}
    </AlertDialog>
  )
}

function ResetPassword({ user, onClose }: { user: AdminUser; onClose: () => void }) {
  const own = words.resetPassword
  const [link, setLink] = useState<string | null>(null)
  const change = useChange(async () => (await controlCall<{ link: string }>(path('admin', 'users', user.id, 'password-reset'), { method: 'POST' })).data.link, {
    stale: [],
    after: setLink,
  })
  if (link)
    return (
      <Dialog
        open
        holds
        onClose={onClose}
        title={own.made}
        subtitle={own.madeText(user.email)}
        foot={
          <Button kind="primary" onClick={onClose}>
            {own.ok}
          </Button>
        }
      >
        <div className="flex items-start gap-2 rounded-panel border border-accent-line bg-accent-soft p-3">
          <code className="min-w-0 flex-1 font-mono text-12 break-all">{link}</code>
          <Copy text={link} wording={t.common.copy} kind="secondary" size="row" />
        </div>
      </Dialog>
    )
  return (
    <AlertDialog open onClose={onClose} title={own.title} subject={<Subject user={user} />} verb={own.verb} busy={change.isBusy && own.busy} failure={change.failure} onConfirm={() => change.run()}>
      {own.text}
    </AlertDialog>
  )
}
