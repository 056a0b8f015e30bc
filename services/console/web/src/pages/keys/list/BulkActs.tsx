import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { AlertDialog } from '@/kit/AlertDialog'
import { DateTime } from '@/kit/DateTime'
import { Field } from '@/kit/Field'
import { Note } from '@/kit/Note'
import { toast } from '@/kit/Toast'
import { environments } from '@/lib/environments'
import { asFailure, Failure } from '@/lib/problem'
import { days, fromLocalField, toLocalField } from '@/lib/time'
import { t } from '@/strings'
import { bulkRevoke, deleteKey, keysChanged, reactivateKey, updateKey, type PlacedKey } from '../api'
import { useKeyScope, type KeyScope } from '../scope'
import { inTurn } from './inTurn'

export type BulkAct = 'revoke' | 'reactivate' | 'setExpiry' | 'delete'

interface Props {
  act: BulkAct
  keys: PlacedKey[]
  onClose: () => void
  /** Called with the keys that the act failed for: they stay selected. */
  onDone: (failed: PlacedKey[]) => void
}

const verbs = { revoke: 'revoke', reactivate: 'reactivate', setExpiry: 'setExpiry', delete: 'delete' } as const

/** One act on many keys. Revoking asks the API how much they are used first, and then takes them together. */
export function BulkActs({ act, keys, onClose, onDone }: Props) {
  const scope = useKeyScope()
  const words = t.keys.bulk
  const [expires, setExpires] = useState(() => toLocalField(new Date(Date.now() + days(90))))
  const [done, setDone] = useState<number | null>(null)
  const [failure, setFailure] = useState<Failure | null>(null)
  const rehearsal = useQuery({
    queryKey: ['bulk', scope.kind, scope.org, keys.map(({ id }) => id)],
    queryFn: () => rehearse(scope, keys),
    enabled: act === 'revoke',
    gcTime: 0,
    staleTime: Infinity,
  })

  async function confirm() {
    setFailure(null)
    setDone(0)
    const end = fromLocalField(expires)
    const outcome =
      act === 'revoke' ? await revokeTogether(scope, keys) : await inTurn(keys, (key) => one(scope, act, key, end), setDone)
    setDone(null)
    await keysChanged()
    if (outcome.failed.length === 0) {
      toast(words.done(keys.length))
      onDone([])
      onClose()
      return
    }
    const first = outcome.first!
    setFailure(
      new Failure({ ...first.problem, detail: `${words.failed(outcome.failed.length, keys.length)}${first.problem.detail}` }, first.environment),
    )
    onDone(outcome.failed)
  }

  return (
    <AlertDialog
      open
      title={words.title[act](keys.length)}
      verb={words[verbs[act]]}
      kind={act === 'delete' ? 'final' : act === 'revoke' ? 'reversible' : 'primary'}
      busy={done !== null && words.working(done, keys.length)}
      typed={act === 'delete' ? { label: words.typed(keys.length), text: String(keys.length) } : undefined}
      failure={failure}
      onClose={onClose}
      onConfirm={() => void confirm()}
    >
      {act !== 'setExpiry' && t.keys.confirm[act].text}
      {act === 'revoke' && rehearsal.data && (
        <Note className="mt-3" live>
          {words.dryRun(rehearsal.data.calls, rehearsal.data.customers)}
        </Note>
      )}
      {act === 'revoke' && rehearsal.isError && <Note className="mt-3">{words.dryRunFailed}</Note>}
      {act === 'setExpiry' && (
        <Field label={t.keyForm.expires}>
          {(control) => <DateTime {...control} value={expires} onChange={setExpires} presets={[30, 90, 365].map((count) => ({ label: `${count} d`, days: count }))} />}
        </Field>
      )}
    </AlertDialog>
  )
}

const one = (scope: KeyScope, act: BulkAct, key: PlacedKey, end: Date | null): Promise<unknown> => {
  if (act === 'delete') return deleteKey(scope, key)
  if (act === 'reactivate') return reactivateKey(scope, key)
  return updateKey(scope, key.environment, key.id, { expires_at: end?.toISOString() ?? 'never' })
}

const byEnvironment = (keys: PlacedKey[]) =>
  environments.map((environment) => ({ environment, ids: keys.filter((key) => key.environment === environment).map(({ id }) => id) })).filter(({ ids }) => ids.length > 0)

async function rehearse(scope: KeyScope, keys: PlacedKey[]) {
  const answers = await Promise.all(byEnvironment(keys).map(({ environment, ids }) => bulkRevoke(scope, environment, { select: { keys: ids } })))
  return {
    calls: answers.reduce((sum, answer) => sum + answer.calls_last_24_hours, 0),
    customers: answers.reduce((sum, answer) => sum + answer.customers, 0),
  }
}

/** A dry run for a token of exactly these keys, and then the act, in each environment. */
async function revokeTogether(scope: KeyScope, keys: PlacedKey[]) {
  const failed: PlacedKey[] = []
  let first: Failure | null = null
  for (const { environment, ids } of byEnvironment(keys)) {
    try {
      const select = { keys: ids }
      const rehearsal = await bulkRevoke(scope, environment, { select })
      if (rehearsal.confirm) await bulkRevoke(scope, environment, { select, confirm: rehearsal.confirm })
    } catch (thrown) {
      first ??= asFailure(thrown)
      failed.push(...keys.filter((key) => key.environment === environment))
    }
  }
  return { failed, first }
}
