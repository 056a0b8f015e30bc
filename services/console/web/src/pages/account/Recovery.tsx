import { useState } from 'react'
import { AlertDialog } from '@/kit/AlertDialog'
import { Button } from '@/kit/Button'
import { Note } from '@/kit/Note'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useSession } from '@/session/useSession'
import { account as accountTexts } from '@/strings/account'
import { RecoveryCodes } from './RecoveryCodes'

const words = accountTexts.security

/** How many recovery codes are left, and new ones. */
export function Recovery() {
  const { user } = useSession()
  const [isAsking, setAsking] = useState(false)
  const [codes, setCodes] = useState<string[] | null>(null)
  const change = useChange(async () => (await controlCall<{ recovery_codes: string[] }>('/account/recovery-codes', { method: 'POST' })).data.recovery_codes, {
    stale: [['session']],
    after: (made) => {
      setAsking(false)
      setCodes(made)
    },
  })
  return (
    <div className="grid max-w-140 gap-3 text-13">
      <div className="flex items-center gap-4">
        <span>{words.left(user.recovery_codes_left)}</span>
        <Button onClick={() => setAsking(true)}>{words.regenerate}</Button>
      </div>
      {user.recovery_codes_left < 3 && <Note kind="caution">{words.few}</Note>}
      <AlertDialog
        open={isAsking}
        onClose={() => setAsking(false)}
        title={words.regenerate}
        verb={words.regenerate}
        busy={change.isBusy && words.regenerating}
        failure={change.failure}
        onConfirm={() => change.run()}
      >
        {words.regenerateText}
      </AlertDialog>
      {codes && <RecoveryCodes codes={codes} onClose={() => setCodes(null)} />}
    </div>
  )
}
