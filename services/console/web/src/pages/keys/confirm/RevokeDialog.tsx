import { useState } from 'react'
import type { RevokeReason } from '@/client/types.gen'
import { AlertDialog } from '@/kit/AlertDialog'
import { Field } from '@/kit/Field'
import { Select } from '@/kit/Select'
import { toast } from '@/kit/Toast'
import { useAct } from '@/lib/useAct'
import { t } from '@/strings'
import { keysChanged, revokeKey, type PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import { KeySubject, KeyUse } from './KeySubject'
import { receiptText } from './receipt'

const words = t.keys.confirm.revoke
const reasons = Object.entries(words.reasons).map(([value, label]) => ({ value: value as RevokeReason, label }))

/** Asks before a key is made inactive. */
export function RevokeDialog({ placed, onClose }: { placed: PlacedKey; onClose: () => void }) {
  const scope = useKeyScope()
  const act = useAct()
  const [reason, setReason] = useState<RevokeReason>('other')
  async function confirm() {
    const done = await act.run(() => revokeKey(scope, placed, { reason }))
    if (!done) return
    await keysChanged()
    toast(`${words.done} ${receiptText(done.value.receipt)}`.trim())
    onClose()
  }
  return (
    <AlertDialog
      open
      title={words.title}
      subject={<KeySubject placed={placed} />}
      verb={words.verb}
      kind="reversible"
      busy={act.isBusy && words.busy}
      failure={act.failure}
      onClose={onClose}
      onConfirm={() => void confirm()}
    >
      {words.text}
      <KeyUse placed={placed} />
      <Field label={words.reason} className="mt-4">
        {(control) => <Select {...control} options={reasons} value={reason} onChange={setReason} />}
      </Field>
    </AlertDialog>
  )
}
