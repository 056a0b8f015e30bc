import { useState } from 'react'
import { AlertDialog } from '@/kit/AlertDialog'
import { DateTime } from '@/kit/DateTime'
import { Field } from '@/kit/Field'
import { toast } from '@/kit/Toast'
import { days, fromLocalField, toLocalField } from '@/lib/time'
import { useAct } from '@/lib/useAct'
import { useNow } from '@/lib/useNow'
import { t } from '@/strings'
import { findKey, keysChanged, reactivateKey, updateKey, type PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import { KeySubject } from './KeySubject'

/** Asks before a key works again; one whose end has passed needs a new end first. */
export function ReactivateDialog({ placed, onClose }: { placed: PlacedKey; onClose: () => void }) {
  const scope = useKeyScope()
  const act = useAct()
  const now = useNow()
  const isPast = placed.expires_at !== null && new Date(placed.expires_at).getTime() <= now.getTime()
  const [expires, setExpires] = useState(() => toLocalField(new Date(Date.now() + days(30))))
  const words = t.keys.confirm.reactivate

  async function confirm() {
    const done = await act.run(async () => {
      const end = fromLocalField(expires)
      if (isPast && end) {
        const { etag } = await findKey(scope, placed.environment, placed.id)
        await updateKey(scope, placed.environment, placed.id, { expires_at: end.toISOString() }, etag ?? undefined)
      }
      if (placed.revoked_at) await reactivateKey(scope, placed)
    })
    if (!done) return
    await keysChanged()
    toast(words.done)
    onClose()
  }
  return (
    <AlertDialog
      open
      title={words.title}
      subject={<KeySubject placed={placed} />}
      verb={words.verb}
      busy={act.isBusy && words.busy}
      failure={act.failure}
      onClose={onClose}
      onConfirm={() => void confirm()}
    >
      {words.text}
      {isPast && (
        <>
          <p className="mt-3">{words.expired}</p>
          <Field label={words.newExpiry} className="mt-3">
            {(control) => <DateTime {...control} value={expires} onChange={setExpires} />}
          </Field>
        </>
      )}
    </AlertDialog>
  )
}
