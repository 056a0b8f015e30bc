import { useRef, useState } from 'react'
import type { Domain } from '@/client/types.gen'
import { EnvironmentField, preferred } from '@/environment/EnvironmentField'
import { useEnvironments } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { Dialog } from '@/kit/Dialog'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Note } from '@/kit/Note'
import { organizationCall } from '@/lib/api'
import type { Placed } from '@/lib/merged'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { domains as domainTexts } from '@/strings/domains'

const words = domainTexts

/** Registers a host name; what follows shows its record. */
export function AddDomain({ onClose, onAdded }: { onClose: () => void; onAdded: (domain: Placed<Domain>) => void }) {
  const { organization, present } = useOrganization()
  const { view } = useEnvironments()
  const [environment, setEnvironment] = useState(preferred(view, present))
  const [attempt, setAttempt] = useState(() => crypto.randomUUID())
  const input = useRef<HTMLInputElement>(null)
  const form = useForm({ name: '' }, ({ name }): Record<string, string> => (name.trim() === '' ? { name: words.errors.name } : {}))
  useUnsaved(form.isDirty)
  const act = useChange(
    async () =>
      (await organizationCall<Domain>(environment, organization.slug, '/domains', { method: 'POST', body: { name: form.values.name.trim() }, idempotencyKey: attempt })).data,
    {
      stale: [['domains', organization.slug]],
      done: words.added,
      after: (domain) => onAdded({ ...domain, environment }),
      refused: (failure) => {
        form.refuse(failure)
        // Another name is another request.
        setAttempt(crypto.randomUUID())
        input.current?.focus()
      },
    },
  )
  const add = () => (form.submit() ? act.run() : input.current?.focus())
  return (
    <Dialog
      open
      onClose={onClose}
      title={words.add}
      initialFocus={input}
      foot={
        <>
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button kind="primary" busy={act.isBusy && words.adding} onClick={add}>
            {words.add}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          add()
        }}
      >
        {act.failure && Object.keys(act.failure.fields()).length === 0 && (
          <Note kind="refused" live>
            {act.failure.problem.detail}
          </Note>
        )}
        <EnvironmentField present={present} value={environment} onChange={setEnvironment} help={words.fields.environmentHelp} />
        <Field label={words.fields.name} help={words.fields.nameHelp} error={form.errors.name} name="name">
          {(control) => <Input {...control} ref={input} mono inputMode="url" value={form.values.name} onChange={(event) => form.set('name', event.target.value)} />}
        </Field>
      </form>
    </Dialog>
  )
}
