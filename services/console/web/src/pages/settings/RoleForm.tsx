import { useRef, useState } from 'react'
import type { Member, Role } from '@/control/types'
import { Button } from '@/kit/Button'
import { Dialog } from '@/kit/Dialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Field } from '@/kit/Field'
import { FormErrors } from '@/kit/FormErrors'
import { Input } from '@/kit/Input'
import { Loaded } from '@/kit/Loaded'
import { Note } from '@/kit/Note'
import { PermissionPicker } from '@/kit/permissions/PermissionPicker'
import { organizationCall, path } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { LeaveDialog } from '../LeaveDialog'
import { membersWith } from './memberRoles'
import { useCatalogue } from './useCatalogue'

const words = settingsTexts.roles

interface Props {
  environment: Environment
  role: Role | undefined
  members: Member[]
  onClose: () => void
}

/** Makes one of the organization's own roles, or changes one. */
export function RoleForm({ environment, role, members, onClose }: Props) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { may } = useAuthority()
  const catalogue = useCatalogue(environment)
  const name = useRef<HTMLInputElement>(null)
  const [attempt] = useState(() => crypto.randomUUID())
  const [isLeaving, setLeaving] = useState(false)
  const form = useForm(
    { name: role?.name ?? '', description: role?.description ?? '', permissions: role?.permissions ?? [] },
    (values): Record<string, string> => (values.name.trim() === '' ? { name: words.errors.name } : {}),
  )
  useUnsaved(form.isDirty)
  const act = useChange(
    () => {
      const body = { name: form.values.name.trim(), description: form.values.description.trim(), permissions: form.values.permissions }
      return role
        ? organizationCall(environment, org, path('roles', role.id), { method: 'PATCH', body })
        : organizationCall(environment, org, '/roles', { method: 'POST', body, idempotencyKey: attempt })
    },
    { stale: [['roles', environment]], done: role ? words.updated : words.created, after: onClose, refused: form.refuse },
  )
  const save = () => (form.submit() ? act.run() : name.current?.focus())
  const leave = () => (form.isDirty ? setLeaving(true) : onClose())
  const holders = role ? membersWith(members, role.id, [environment]) : 0
  return (
    <>
      <Dialog
        open
        onClose={leave}
        width={724}
        title={
          <>
            {role ? words.edit : words.create} <EnvironmentBadge environment={environment} />
          </>
        }
        initialFocus={name}
        foot={
          <>
            <FormErrors errors={form.errors} labels={{ name: words.fields.name, description: words.fields.description, permissions: t.keyForm.permissions }} />
            <Button onClick={leave}>{t.common.cancel}</Button>
            <Button kind="primary" busy={act.isBusy && (role ? words.updating : words.creating)} onClick={save}>
              {role ? words.update : words.create}
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
              {act.failure.problem.detail}
            </Note>
          )}
          {holders > 0 && <Note>{words.affects(holders)}</Note>}
          <Field label={words.fields.name} error={form.errors.name} name="name">
            {(control) => <Input {...control} ref={name} value={form.values.name} onChange={(event) => form.set('name', event.target.value)} onBlur={() => form.touch('name')} />}
          </Field>
          <Field label={words.fields.description} mark={t.common.optional} error={form.errors.description} name="description">
            {(control) => <Input {...control} value={form.values.description} onChange={(event) => form.set('description', event.target.value)} />}
          </Field>
          <Loaded query={catalogue} failed={t.keyForm.catalogueFailed} block>
            {(groups) => (
              <PermissionPicker none={words.noPermissions} groups={groups} value={form.values.permissions} onChange={(permissions) => form.set('permissions', permissions)} mayGrant={(each) => may(environment, each)} />
            )}
          </Loaded>
          <button type="submit" hidden />
        </form>
      </Dialog>
      <LeaveDialog open={isLeaving} onStay={() => setLeaving(false)} onLeave={onClose} />
    </>
  )
}
