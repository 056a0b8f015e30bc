import { useRef, useState } from 'react'
import { focusField } from '@/kit/FormErrors'
import { toast } from '@/kit/Toast'
import { asFailure, type Failure } from '@/lib/problem'
import { showSecret } from '@/secret/shown'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import { createKey, findKey, keysChanged, updateKey, type PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import type { FormPart } from './formTypes'
import { fromKey, toNewKey, toPatch, type KeyValues } from './values'

const words = t.keyForm

/** What each field of the form is called. */
export const fieldLabels: Record<string, string> = {
  name: words.name,
  environment: words.environment,
  domains: words.domains,
  customers: words.customers,
  permissions: words.permissions,
  roles: words.roles,
  allIps: words.allIps,
  ips: words.ips,
  neverExpire: words.neverExpire,
  expires: words.expires,
  limitsMode: words.limits,
  limits: words.limits,
  notBefore: words.notBefore,
  credits: words.credits,
  refill: words.refill,
  refillTo: words.refillTo,
  tags: words.tags,
  prefix: words.prefix,
  secret: words.secret,
  metadata: words.metadata,
}

/** Where the server's names of members are in the form. */
const rename = { expires_at: 'expires', not_before: 'notBefore', create_permissions: 'permissions' }

/** Sends the form. A second try of the same body makes no second key. */
export function useSaveKey(form: FormPart['form'], editing: PlacedKey | undefined, onClose: () => void) {
  const scope = useKeyScope()
  const urlOf = usePublicUrl()
  const [isBusy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure | null>(null)
  const [conflict, setConflict] = useState<{ values: KeyValues; etag: string | null } | null>(null)
  const attempt = useRef<{ body: string; key: string } | null>(null)
  const etag = useRef<string | null>(null)

  async function create() {
    const { values } = form
    const environment = values.environment!
    const body = toNewKey(values, scope.kind)
    const text = `${environment} ${JSON.stringify(body)}`
    if (attempt.current?.body !== text) attempt.current = { body: text, key: crypto.randomUUID() }
    const made = await createKey(scope, environment, body, attempt.current.key)
    attempt.current = null
    onClose()
    if (made.secret) showSecret({ secret: made.secret, name: made.key.name, environment, made: 'created', url: urlOf(environment) })
    else toast(t.keys.secret.lateReplay)
    await keysChanged()
  }

  /** Held against the state that the form was filled from: what changed since then is shown, not overwritten. */
  async function update(placed: PlacedKey) {
    const patch = toPatch(form.initial, form.values, scope.kind)
    if (Object.keys(patch).length === 0) {
      toast(words.unchanged)
      onClose()
      return
    }
    if (etag.current === null) {
      const now = await findKey(scope, placed.environment, placed.id)
      const values = fromKey({ ...now.data, environment: placed.environment })
      if (now.data.updated_at !== placed.updated_at && JSON.stringify(values) !== JSON.stringify(form.initial)) {
        setConflict({ values, etag: now.etag })
        return
      }
      etag.current = now.etag
    }
    await updateKey(scope, placed.environment, placed.id, patch, etag.current ?? undefined)
    onClose()
    toast(words.updated)
    await keysChanged()
  }

  async function run() {
    if (isBusy) return
    setBusy(true)
    setFailure(null)
    try {
      await (editing ? update(editing) : create())
    } catch (thrown) {
      await refused(asFailure(thrown))
    } finally {
      setBusy(false)
    }
  }

  async function refused(found: Failure) {
    if (editing && found.status === 412) {
      etag.current = null
      const now = await findKey(scope, editing.environment, editing.id).catch(() => null)
      if (now) {
        setConflict({ values: fromKey({ ...now.data, environment: editing.environment }), etag: now.etag })
        return
      }
    }
    setFailure(found)
    form.refuse(found, rename)
    const [first] = Object.keys(found.fields())
    if (first) requestAnimationFrame(() => focusField(rename[first.split('.')[0] as keyof typeof rename] ?? first))
  }

  return {
    isBusy,
    failure,
    conflict,
    run,
    /** Saves over what somebody else changed meanwhile: only the members that were changed here. */
    overwrite() {
      etag.current = conflict?.etag ?? null
      setConflict(null)
      void run()
    },
  }
}
