import { useRef, useState } from 'react'
import { ofOrganization } from '@/control/queries'
import type { InviteLink, Roles } from '@/control/types'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { Dialog } from '@/kit/Dialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Field, FieldNote } from '@/kit/Field'
import { Note } from '@/kit/Note'
import { Select } from '@/kit/Select'
import { Textarea } from '@/kit/Textarea'
import { controlCall } from '@/lib/api'
import { environments as allEnvironments, type Environment } from '@/lib/environments'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useOrganization } from '@/session/useOrganization'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { errorAt } from '../keys/form/formTypes'
import { checkInvite, emailsOf, type InviteValues } from './invite'
import { noRole, roleOptions } from './memberRoles'

const words = settingsTexts.invite

interface Props {
  onClose: () => void
  onMade: (made: InviteLink[]) => void
}

/** Invites one or many, with a role for each environment; then shows the links, this once. */
export function InviteDialog({ onClose, onMade }: Props) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { environments } = useSession()
  const installed = allEnvironments.filter((name) => environments.some((each) => each.name === name))
  const emails = useRef<HTMLTextAreaElement>(null)
  const [made, setMade] = useState<InviteLink[]>([])
  const form = useForm<InviteValues>({ emails: '', roles: Object.fromEntries(installed.map((name) => [name, name === 'production' ? 'viewer' : 'developer'])) }, checkInvite)
  useUnsaved(form.isDirty && made.length === 0)
  const act = useChange(
    async () =>
      (await controlCall<{ items: InviteLink[] }>(ofOrganization(org, 'invites'), { method: 'POST', body: { emails: emailsOf(form.values.emails), roles: form.values.roles } })).data.items,
    {
      stale: [['invites', org]],
      after: (items) => {
        setMade(items)
        onMade(items)
      },
      refused: (failure) => {
        form.refuse(failure)
        emails.current?.focus()
      },
    },
  )
  const invite = () => (form.submit() ? act.run() : emails.current?.focus())
  const setRole = (environment: Environment, role: string) => form.set('roles', { ...form.values.roles, [environment]: role === noRole ? null : role } as Roles)
  if (made.length > 0) return <Links made={made} onClose={onClose} />
  return (
    <Dialog
      open
      onClose={onClose}
      title={words.title}
      width={560}
      initialFocus={emails}
      foot={
        <>
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button kind="primary" busy={act.isBusy && words.busy} onClick={invite}>
            {words.verb}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          invite()
        }}
      >
        {act.failure && Object.keys(act.failure.fields()).length === 0 && (
          <Note kind="refused" live>
            {act.failure.problem.detail}
          </Note>
        )}
        <Field label={words.emails} help={words.emailsHelp} error={errorAt(form.errors, 'emails')} name="emails">
          {(control) => <Textarea {...control} ref={emails} value={form.values.emails} onChange={(event) => form.set('emails', event.target.value)} onBlur={() => form.touch('emails')} />}
        </Field>
        <div data-field="roles" className="grid gap-3 wide:grid-cols-3">
          {installed.map((name) => (
            <Field key={name} label={words.role(t.environment[name])}>
              {(control) => <Select {...control} options={roleOptions(installed, [], true)} value={form.values.roles[name] ?? noRole} onChange={(role) => setRole(name, role)} />}
            </Field>
          ))}
        </div>
        <FieldNote id="roles-note" error={errorAt(form.errors, 'roles')} />
      </form>
    </Dialog>
  )
}

function Links({ made, onClose }: { made: InviteLink[]; onClose: () => void }) {
  return (
    <Dialog
      open
      holds
      onClose={onClose}
      title={words.done}
      subtitle={words.doneText}
      width={560}
      foot={
        <Button kind="primary" onClick={onClose}>
          {words.ok}
        </Button>
      }
    >
      <ul className="grid gap-2 pt-1">
        {made.map(({ invite, link }) => (
          <li key={invite.id} className="rounded-panel border border-accent-line bg-accent-soft p-3">
            <div className="flex flex-wrap items-center gap-2 text-13 font-medium">
              <span className="break-all">{invite.email}</span>
              {allEnvironments.filter((name) => invite.roles[name]).map((name) => (
                <EnvironmentBadge key={name} environment={name} />
              ))}
            </div>
            <div className="mt-1 flex items-start gap-2">
              <code className="min-w-0 flex-1 font-mono text-12 break-all">{link}</code>
              <Copy text={link} wording={t.common.copy} kind="secondary" size="row" />
            </div>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
