import { useEffect, useRef, useState } from 'react'
import { AlertDialog } from '@/kit/AlertDialog'
import { Button } from '@/kit/Button'
import { Dialog } from '@/kit/Dialog'
import { focusField, FormErrors } from '@/kit/FormErrors'
import { Note } from '@/kit/Note'
import type { Environment } from '@/lib/environments'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import { AccessPart } from './AccessPart'
import { AdvancedPart } from './AdvancedPart'
import { BasicsPart } from './BasicsPart'
import { checkKey } from './check'
import { Conflict } from './Conflict'
import { KeySummary } from './KeySummary'
import { LimitsPart } from './LimitsPart'
import { PermissionsPart } from './PermissionsPart'
import { ScopePart } from './ScopePart'
import { emptyValues, fromKey, type KeyValues } from './values'
import { fieldLabels, useSaveKey } from './useSaveKey'

interface Props {
  onClose: () => void
  /** The key that is changed; a new one is made without it. */
  editing?: PlacedKey
  /** What a new key starts with: a duplicate. */
  start?: KeyValues
  /** The environment of a new key, where the person may make one there. */
  preset?: Environment
  startAt?: string | undefined
}

const words = t.keyForm

/** Create API Key and Edit: one form for both. What was typed survives whatever the server answers. */
export function KeyFormDialog({ onClose, editing, start, preset, startAt }: Props) {
  const { kind, present, may } = useKeyScope()
  const [initial] = useState<KeyValues>(() => {
    if (editing) return fromKey(editing)
    const allowed = present.filter((name) => may(name, 'keys.create'))
    const wanted = start?.environment ?? preset
    return { ...(start ?? emptyValues), environment: wanted && allowed.includes(wanted) ? wanted : (allowed.at(-1) ?? null) }
  })
  const form = useForm(initial, (values) => checkKey(values, new Date(), editing ? initial : undefined))
  const nameField = useRef<HTMLInputElement>(null)
  const [isLeaving, setLeaving] = useState(false)
  const save = useSaveKey(form, editing, onClose)
  useUnsaved(form.isDirty)

  useEffect(() => {
    if (startAt) document.querySelector(`[data-field="${startAt}"]`)?.scrollIntoView({ block: 'start' })
  }, [startAt])

  const close = () => (form.isDirty && !save.isBusy ? setLeaving(true) : onClose())
  const submit = () => {
    if (form.submit()) void save.run()
    // The fields that are wrong are marked by the next paint.
    else requestAnimationFrame(() => focusField(Object.keys(checkKey(form.values, new Date(), editing ? initial : undefined))[0] ?? ''))
  }
  const changed = Object.keys(fieldLabels).filter(
    (name) => JSON.stringify(form.values[name as keyof KeyValues]) !== JSON.stringify(form.initial[name as keyof KeyValues]),
  )

  return (
    <>
      <Dialog
        open
        bare
        holds={form.isDirty}
        width={1064}
        title={editing ? words.edit : words.create}
        initialFocus={nameField}
        onClose={close}
        foot={
          <>
            {Object.keys(form.errors).length > 0 ? (
              <FormErrors errors={form.errors} labels={fieldLabels} />
            ) : (
              <span className="flex-1 text-12 text-muted">{editing && words.changes(changed.map((name) => fieldLabels[name] ?? name))}</span>
            )}
            <Button onClick={close}>{t.common.cancel}</Button>
            <Button kind="primary" busy={save.isBusy && (editing ? words.updating : words.creating)} onClick={submit}>
              {editing ? words.update : words.create}
            </Button>
          </>
        }
      >
        <div className="min-h-0 flex-1 overflow-y-auto wide:flex wide:overflow-hidden">
          <form
            noValidate
            className="min-w-0 flex-1 px-4 py-5 wide:overflow-y-auto wide:px-6"
            onSubmit={(event) => {
              event.preventDefault()
              submit()
            }}
          >
            {save.failure && Object.keys(save.failure.fields()).length === 0 && save.conflict === null && (
              <Note kind="refused" className="mb-4" live>
                {save.failure.problem.detail}
                {save.failure.problem.missing_permissions && <span className="block font-mono text-12">{save.failure.problem.missing_permissions.join(', ')}</span>}
                {save.failure.problem.request_id && <span className="block font-mono text-12 text-muted">{save.failure.problem.request_id}</span>}
              </Note>
            )}
            {save.conflict && <Conflict before={initial} mine={form.values} theirs={save.conflict.values} onTake={save.overwrite} />}
            <div className="grid gap-4 [&>hr]:border-line">
              <BasicsPart form={form} isEdit={editing !== undefined} nameField={nameField} />
              {kind === 'organization' && (
                <>
                  <hr />
                  <ScopePart form={form} />
                </>
              )}
              <hr />
              <PermissionsPart form={form} />
              <hr />
              <AccessPart form={form} />
              <hr />
              <LimitsPart form={form} isEdit={editing !== undefined} />
              <hr />
              <AdvancedPart form={form} isEdit={editing !== undefined} />
            </div>
            <button type="submit" hidden />
          </form>
          <div className="border-t border-line bg-bg px-4 py-5 wide:w-88 wide:shrink-0 wide:overflow-y-auto wide:border-t-0 wide:border-l wide:px-6">
            <KeySummary form={form} editingId={editing?.id} />
          </div>
        </div>
      </Dialog>
      <AlertDialog
        open={isLeaving}
        title={t.common.leaveDirty.title}
        verb={t.common.leaveDirty.leave}
        kind="reversible"
        onClose={() => setLeaving(false)}
        onConfirm={onClose}
      >
        {t.common.leaveDirty.text}
      </AlertDialog>
    </>
  )
}
