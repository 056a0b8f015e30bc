import { AlertDialog } from '@/kit/AlertDialog'
import { toast } from '@/kit/Toast'
import { useAct } from '@/lib/useAct'
import { useNow } from '@/lib/useNow'
import { t } from '@/strings'
import { deleteKey, keysChanged, type PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import { isInUse } from '../status'
import { KeySubject, KeyUse } from './KeySubject'

interface Props {
  placed: PlacedKey
  onClose: () => void
  /** On the key's own page: leads away from it. */
  onDeleted?: (() => void) | undefined
}

/** Asks before a key is gone for good; by its name when somebody depends on it. */
export function DeleteDialog({ placed, onClose, onDeleted }: Props) {
  const scope = useKeyScope()
  const act = useAct()
  const now = useNow()
  const words = t.keys.confirm.delete
  async function confirm() {
    const done = await act.run(() => deleteKey(scope, placed))
    if (!done) return
    onDeleted?.()
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
      kind="final"
      busy={act.isBusy && words.busy}
      failure={act.failure}
      typed={isInUse(placed, now) ? { label: t.common.typeToConfirm, text: placed.name } : undefined}
      onClose={onClose}
      onConfirm={() => void confirm()}
    >
      {words.text}
      <KeyUse placed={placed} />
    </AlertDialog>
  )
}
