import { useRef, useState } from 'react'
import type { Organization } from '@/control/types'
import { Button } from '@/kit/Button'
import { Checkbox } from '@/kit/Checkbox'
import { Copy } from '@/kit/Copy'
import { Dialog } from '@/kit/Dialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Field, FieldNote } from '@/kit/Field'
import { FormErrors } from '@/kit/FormErrors'
import { Input } from '@/kit/Input'
import { Note } from '@/kit/Note'
import { controlCall } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useChange } from '@/lib/useChange'
import { useForm, type Errors } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { admin as adminTexts } from '@/strings/admin'
import { ProvisioningSteps } from './ProvisioningSteps'
import { isSlug, slugOf } from './slug'

const words = adminTexts.organizations

interface Values {
  name: string
  slug: string
  environments: Environment[]
  owner_email: string
}

export function checkOrganization({ name, slug, environments, owner_email }: Values): Errors {
  const errors: Errors = {}
  if (name.trim() === '') errors.name = words.errors.name
  if (!isSlug(slug.trim())) errors.slug = words.errors.slug
  if (environments.length === 0) errors.environments = words.errors.environments
  if (owner_email.trim() !== '' && !/^[^@\s]+@[^@\s]+$/.test(owner_email.trim())) errors.owner_email = words.errors.owner
  return errors
}

interface Made {
  organization: Organization
  invite_link?: string | null
}

/** Makes an organization, then shows how it is set up in each environment. */
export function CreateOrganization({ onClose }: { onClose: () => void }) {
  const { environments: installed } = useSession()
  const name = useRef<HTMLInputElement>(null)
  const [isOwnSlug, setOwnSlug] = useState(false)
  const [made, setMade] = useState<Made | null>(null)
  const form = useForm<Values>({ name: '', slug: '', environments: installed.map((each) => each.name), owner_email: '' }, checkOrganization)
  useUnsaved(form.isDirty && !made)
  const { values } = form
  const change = useChange(
    async () =>
      (
        await controlCall<Made>('/organizations', {
          method: 'POST',
          body: { name: values.name.trim(), slug: values.slug.trim(), environments: values.environments, owner_email: values.owner_email.trim() || undefined },
        })
      ).data,
    { stale: [['admin', 'organizations'], ['session']], done: words.created, after: setMade, refused: form.refuse },
  )
  if (made) return <Created made={made} onClose={onClose} />
  const create = () => (form.submit() ? change.run() : name.current?.focus())
  const setName = (text: string) => form.setAll((before) => ({ ...before, name: text, slug: isOwnSlug ? before.slug : slugOf(text) }))
  return (
    <Dialog
      open
      onClose={onClose}
      title={words.create}
      width={560}
      initialFocus={name}
      foot={
        <>
          <FormErrors errors={form.errors} labels={{ name: words.fields.name, slug: words.fields.slug, environments: words.fields.environments, owner_email: words.fields.owner }} />
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button kind="primary" busy={change.isBusy && words.creating} onClick={create}>
            {words.create}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          create()
        }}
      >
        {change.failure && Object.keys(change.failure.fields()).length === 0 && (
          <Note kind="refused" live>
            {change.failure.problem.detail}
          </Note>
        )}
        <Field label={words.fields.name} error={form.errors.name} name="name">
          {(control) => <Input {...control} ref={name} value={values.name} onChange={(event) => setName(event.target.value)} onBlur={() => form.touch('name')} />}
        </Field>
        <Field label={words.fields.slug} help={words.fields.slugHelp} error={form.errors.slug} name="slug">
          {(control) => (
            <Input
              {...control}
              mono
              value={values.slug}
              onChange={(event) => {
                setOwnSlug(event.target.value !== '')
                form.set('slug', event.target.value)
              }}
              onBlur={() => form.touch('slug')}
            />
          )}
        </Field>
        <fieldset data-field="environments">
          <legend className="mb-1 text-13 font-medium">{words.fields.environments}</legend>
          <div className="flex flex-wrap gap-4">
            {installed.map((each) => (
              <Checkbox
                key={each.name}
                checked={values.environments.includes(each.name)}
                onChange={(on) => form.set('environments', on ? [...values.environments, each.name] : values.environments.filter((other) => other !== each.name))}
                label={<EnvironmentBadge environment={each.name} />}
              />
            ))}
          </div>
          <FieldNote id="environments-note" help={words.fields.environmentsHelp} error={form.errors.environments} />
        </fieldset>
        <Field label={words.fields.owner} mark={t.common.optional} help={words.fields.ownerHelp} error={form.errors.owner_email} name="owner_email">
          {(control) => <Input {...control} type="email" value={values.owner_email} onChange={(event) => form.set('owner_email', event.target.value)} onBlur={() => form.touch('owner_email')} />}
        </Field>
        <button type="submit" hidden />
      </form>
    </Dialog>
  )
}

function Created({ made, onClose }: { made: Made; onClose: () => void }) {
  return (
    <Dialog
      open
      holds
      onClose={onClose}
      width={560}
      title={words.made(made.organization.name)}
      subtitle={words.madeText}
      foot={
        <Button kind="primary" onClick={onClose}>
          {words.ok}
        </Button>
      }
    >
      <ProvisioningSteps organization={made.organization.id} />
      {made.invite_link && (
        <div className="mt-4 rounded-panel border border-accent-line bg-accent-soft p-3 text-13">
          <p>{words.inviteLink}</p>
          <div className="mt-2 flex items-start gap-2">
            <code className="min-w-0 flex-1 font-mono text-12 break-all">{made.invite_link}</code>
            <Copy text={made.invite_link} wording={t.common.copy} kind="secondary" size="row" />
          </div>
        </div>
      )}
    </Dialog>
  )
}
