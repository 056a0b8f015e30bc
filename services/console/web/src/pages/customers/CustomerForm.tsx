import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { Customer } from '@/client/types.gen'
import { EnvironmentField, preferred } from '@/environment/EnvironmentField'
import { useEnvironments } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { Dialog } from '@/kit/Dialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Field, FieldNote } from '@/kit/Field'
import { FormErrors, focusField } from '@/kit/FormErrors'
import { Input } from '@/kit/Input'
import { Note } from '@/kit/Note'
import { Textarea } from '@/kit/Textarea'
import { organizationCall, path } from '@/lib/api'
import { jsonObject, jsonText } from '@/lib/json'
import type { Placed } from '@/lib/merged'
import { useChange } from '@/lib/useChange'
import { useForm, type Errors } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { customers as customerTexts } from '@/strings/customers'
import { checkLimits } from '../keys/form/check'
import { LimitRows } from '../keys/form/LimitRows'
import { limitRows, limitsOf, type LimitRow } from '../keys/form/values'
import { LeaveDialog } from '../LeaveDialog'
import { customerLists, customerQuery } from './queries'

const words = customerTexts

interface Values {
  name: string
  external_id: string
  limits: LimitRow[]
  metadata: string
}

export function checkCustomer({ name, limits, metadata }: Values): Errors {
  const errors: Errors = {}
  if (name.trim() === '') errors.name = words.errors.name
  else if ([...name.trim()].length > 100) errors.name = words.errors.nameLong
  checkLimits({ limits }, errors)
  if (jsonObject(metadata) === null) errors.metadata = words.errors.metadata
  return errors
}

/** Makes a customer, or changes the one that is given. */
export function CustomerForm({ customer, onClose }: { customer?: Placed<Customer>; onClose: () => void }) {
  const { organization, present } = useOrganization()
  const org = organization.slug
  const { view } = useEnvironments()
  const [environment, setEnvironment] = useState(customer?.environment ?? preferred(view, present))
  const [attempt] = useState(() => crypto.randomUUID())
  const [isLeaving, setLeaving] = useState(false)
  const name = useRef<HTMLInputElement>(null)
  const form = useForm<Values>(
    { name: customer?.name ?? '', external_id: customer?.external_id ?? '', limits: limitRows(customer?.limits ?? []), metadata: jsonText(customer?.metadata ?? {}) },
    checkCustomer,
  )
  useUnsaved(form.isDirty)
  // The version that is changed: who saved meanwhile is not overwritten.
  const current = useQuery({ ...customerQuery(environment, org, customer?.id ?? ''), enabled: customer !== undefined, staleTime: 0 })
  const act = useChange(
    () => {
      const { name, external_id, limits, metadata } = form.values
      const body = { name: name.trim(), external_id: external_id.trim() || null, limits: limitsOf(limits), metadata: jsonObject(metadata) ?? {} }
      return customer
        ? organizationCall(environment, org, path('customers', customer.id), { method: 'PATCH', body, ifMatch: current.data?.etag ?? undefined })
        : organizationCall(environment, org, '/customers', { method: 'POST', body, idempotencyKey: attempt })
    },
    { stale: customerLists(org), done: customer ? words.updated : words.created, after: onClose, refused: form.refuse },
  )
  const leave = () => (form.isDirty && !act.isBusy ? setLeaving(true) : onClose())
  const save = () => {
    if (!form.submit()) {
      setTimeout(() => focusField(Object.keys(checkCustomer(form.values))[0] ?? 'name'))
      return
    }
    act.run()
  }
  const verb = customer ? words.update : words.create
  return (
    <>
      <Dialog
        open
        onClose={leave}
        width={560}
        title={customer ? words.edit : words.create}
        subtitle={customer && <EnvironmentBadge environment={environment} />}
        initialFocus={name}
        foot={
          <>
            <FormErrors errors={form.errors} labels={{ name: words.fields.name, external_id: words.fields.externalId, limits: words.fields.limits, metadata: words.fields.metadata }} />
            <Button onClick={leave}>{t.common.cancel}</Button>
            <Button kind="primary" busy={act.isBusy && (customer ? words.updating : words.creating)} onClick={save}>
              {verb}
            </Button>
          </>
        }
      >
        <form
          className="grid gap-4 pt-1"
          onSubmit={(event) => {
            event.preventDefault()
            save()
          }}
        >
          {act.failure && Object.keys(act.failure.fields()).length === 0 && (
            <Note kind="refused" live>
              {act.failure.status === 412 ? t.common.changedElsewhere : act.failure.problem.detail}
            </Note>
          )}
          {!customer && <EnvironmentField present={present} value={environment} onChange={setEnvironment} help={words.fields.environmentHelp} />}
          <Field label={words.fields.name} help={words.fields.nameHelp} error={form.errors.name} name="name">
            {(control) => <Input {...control} ref={name} value={form.values.name} onChange={(event) => form.set('name', event.target.value)} onBlur={() => form.touch('name')} />}
          </Field>
          <Field label={words.fields.externalId} mark={t.common.optional} help={words.fields.externalIdHelp} error={form.errors.external_id} name="external_id">
            {(control) => <Input {...control} mono value={form.values.external_id} onChange={(event) => form.set('external_id', event.target.value)} />}
          </Field>
          <div data-field="limits">
            <div className="mb-1 text-13 font-medium">{words.fields.limits}</div>
            <LimitRows rows={form.values.limits} errors={form.errors} onChange={(rows) => form.set('limits', rows)} onTouch={() => form.touch('limits')} />
            <FieldNote id="limits-note" help={words.fields.limitsHelp} error={form.errors.limits} />
          </div>
          <Field label={words.fields.metadata} mark={t.common.optional} help={words.fields.metadataHelp} error={form.errors.metadata} name="metadata">
            {(control) => (
              <Textarea {...control} mono value={form.values.metadata} onChange={(event) => form.set('metadata', event.target.value)} onBlur={() => form.touch('metadata')} />
            )}
          </Field>
          <button type="submit" hidden />
        </form>
      </Dialog>
      <LeaveDialog open={isLeaving} onStay={() => setLeaving(false)} onLeave={onClose} />
    </>
  )
}
