import { useState } from 'react'
import { AlertDialog } from '@/kit/AlertDialog'
import { Field } from '@/kit/Field'
import { Select } from '@/kit/Select'
import { toast } from '@/kit/Toast'
import { useAct } from '@/lib/useAct'
import { showSecret } from '@/secret/shown'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import { keysChanged, regenerateKey, type PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import { KeySubject, KeyUse } from './KeySubject'

const words = t.keys.confirm.regenerate
const spans = [
  { value: '0', label: words.immediately },
  { value: '900', label: words.after('15 minutes') },
  { value: '3600', label: words.after('1 hour') },
  { value: '21600', label: words.after('6 hours') },
  { value: '86400', label: words.after('24 hours') },
  { value: '604800', label: words.after('7 days') },
]

/** Asks before a key gets a new secret, and how long the old one goes on. */
export function RegenerateDialog({ placed, onClose }: { placed: PlacedKey; onClose: () => void }) {
  const scope = useKeyScope()
  const act = useAct()
  const urlOf = usePublicUrl()
  const [overlap, setOverlap] = useState('0')
  // One for each time the dialog is open: a second try of the same answers with what the first one made.
  const [attempt] = useState(() => crypto.randomUUID())

  async function confirm() {
    const done = await act.run(() => regenerateKey(scope, placed, { overlap_seconds: Number(overlap) }, `${attempt}-${overlap}`))
    if (!done) return
    const { secret, key } = done.value
    onClose()
    if (secret) showSecret({ secret, name: key.name, environment: placed.environment, made: 'regenerated', url: urlOf(placed.environment) })
    else toast(t.keys.secret.lateReplay)
    await keysChanged()
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
      <KeyUse placed={placed} />
      <Field label={words.field} help={words.note} className="mt-4">
        {(control) => <Select {...control} options={spans} value={overlap} onChange={setOverlap} />}
      </Field>
    </AlertDialog>
  )
}
