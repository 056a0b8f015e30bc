import { useState } from 'react'
import type { VerifyAnswer, VerifyRequest } from '@/client/types.gen'
import { Button } from '@/kit/Button'
import { Combobox } from '@/kit/Combobox'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Note } from '@/kit/Note'
import { Section } from '@/kit/Section'
import { environmentCall } from '@/lib/api'
import { useAct } from '@/lib/useAct'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import { usePermissionGroups } from '../usePermissionTitles'
import { DecisionTrace } from './DecisionTrace'

const words = t.keys.detail.check

/** Asks the API what it would say to a request with this key: every check runs, nothing is consumed. */
export function CheckAccess({ placed }: { placed: PlacedKey }) {
  const { reason } = useKeyScope()
  const act = useAct()
  const { data: groups = [] } = usePermissionGroups(placed.environment)
  const [key, setKey] = useState('')
  const [permission, setPermission] = useState<string | null>(null)
  const [ip, setIp] = useState('')
  const [domain, setDomain] = useState('')
  const [customer, setCustomer] = useState('')
  const [answer, setAnswer] = useState<VerifyAnswer | null>(null)
  const options = groups.flatMap((group) => group.permissions.map(({ name, display_name }) => ({ value: name, label: name, detail: display_name })))

  async function run() {
    const body: VerifyRequest = {
      key: key.trim(),
      explain: true,
      ...(permission ? { permissions: [permission] } : {}),
      ...(ip.trim() ? { client_ip: ip.trim() } : {}),
      ...(domain.trim() ? { domain: domain.trim() } : {}),
      ...(customer.trim() ? { customer: customer.trim() } : {}),
    }
    setAnswer(null)
    const done = await act.run(() => environmentCall<VerifyAnswer>(placed.environment, '/keys/verify', { method: 'POST', body }))
    if (done) setAnswer(done.value.data)
  }

  return (
    <Section title={words.title} detail={words.detail}>
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          void run()
        }}
      >
        <Field label={words.key} help={words.keyHelp}>
          {(control) => <Input {...control} mono type="password" autoComplete="off" value={key} onChange={(event) => setKey(event.target.value)} />}
        </Field>
        <Field label={words.permission} mark={t.common.optional} help={words.permissionHelp}>
          {(control) => <Combobox {...control} options={options} value={permission} onChange={setPermission} />}
        </Field>
        <div className="grid gap-3 wide:grid-cols-2">
          <Field label={words.ip} mark={t.common.optional}>
            {(control) => <Input {...control} mono value={ip} onChange={(event) => setIp(event.target.value)} />}
          </Field>
          <Field label={words.domain} mark={t.common.optional}>
            {(control) => <Input {...control} mono value={domain} onChange={(event) => setDomain(event.target.value)} />}
          </Field>
        </div>
        <Field label={words.customer} mark={t.common.optional}>
          {(control) => <Input {...control} mono value={customer} onChange={(event) => setCustomer(event.target.value)} />}
        </Field>
        <div>
          <Button kind="primary" type="submit" busy={act.isBusy && words.running} disabled={key.trim() === ''} reason={reason(placed.environment, 'keys.verify')}>
            {words.run}
          </Button>
        </div>
      </form>
      {act.failure && (
        <Note kind="refused" className="mt-4" live>
          {words.failed} {act.failure.problem.detail}
        </Note>
      )}
      {answer && answer.key_id && answer.key_id !== placed.id && (
        <Note kind="caution" className="mt-4" live>
          {words.otherKey}
        </Note>
      )}
      {answer && <DecisionTrace answer={answer} />}
    </Section>
  )
}
