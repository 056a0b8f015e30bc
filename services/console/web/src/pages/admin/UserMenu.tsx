import { Ban, Play } from 'lucide-react'
import { useState } from 'react'
import type { AdminUser } from '@/control/types'
import { AlertDialog } from '@/kit/AlertDialog'
import { MenuItem } from '@/kit/Menu'
import { RowMenu } from '@/kit/table/RowMenu'
import { controlCall, path } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { admin as adminTexts } from '@/strings/admin'

const words = adminTexts.users

/** Keeps a person out, or lets it in again. */
export function UserMenu({ user, isSelf }: { user: AdminUser; isSelf: boolean }) {
  const [isOpen, setOpen] = useState(false)
  const act = user.disabled_at ? 'enable' : 'disable'
  const own = words[act]
  const change = useChange(() => controlCall(path('admin', 'users', user.id, act), { method: 'POST' }), {
    stale: [['admin', 'users'], ['members']],
    done: own.done,
    after: () => setOpen(false),
  })
  const close = () => {
    change.reset()
    setOpen(false)
  }
  return (
    <>
      <RowMenu name={user.name || user.email}>
        <MenuItem icon={act === 'enable' ? <Play aria-hidden /> : <Ban aria-hidden />} disabled={isSelf} onSelect={() => setOpen(true)}>
          {words.menu[act]}
        </MenuItem>
      </RowMenu>
      <AlertDialog
        open={isOpen}
        onClose={close}
        title={own.title}
        subject={
          <>
            <span className="font-medium">{user.name}</span> <span className="text-muted">{user.email}</span>
          </>
        }
        verb={own.verb}
        kind={act === 'disable' ? 'reversible' : 'primary'}
        busy={change.isBusy && own.busy}
        failure={change.failure}
        onConfirm={() => change.run()}
      >
        {own.text}
      </AlertDialog>
    </>
  )
}
