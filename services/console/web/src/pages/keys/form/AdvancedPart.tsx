import { ChevronDown, ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { Checkbox } from '@/kit/Checkbox'
import { DateTime } from '@/kit/DateTime'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Select } from '@/kit/Select'
import { TagInput } from '@/kit/TagInput'
import { Textarea } from '@/kit/Textarea'
import { t } from '@/strings'
import { errorAt, type FormPart } from './formTypes'
import type { KeyValues } from './values'

const words = t.keyForm
const advanced = ['notBefore', 'credits', 'refillTo', 'tags', 'prefix', 'secret', 'metadata']
const refills = [{ value: 'none' as KeyValues['refill'], label: words.refillNone }].concat(
  Object.entries(words.intervals).map(([value, label]) => ({ value: value as KeyValues['refill'], label })),
)

/** What few keys need. It opens by itself when something in it is set or wrong. */
export function AdvancedPart({ form, isEdit }: FormPart & { isEdit: boolean }) {
  const { values, errors, set, touch } = form
  const isUsed = values.notBefore !== '' || values.credits !== '' || values.tags.length > 0 || values.metadata !== ''
  const [wanted, setWanted] = useState(isUsed)
  const isOpen = wanted || advanced.some((name) => errorAt(errors, name))
  const mark = t.common.optional
  return (
    <div>
      <button type="button" aria-expanded={isOpen} onClick={() => setWanted(!isOpen)} className="flex min-h-8 items-center gap-2 rounded-badge text-13 font-medium">
        {isOpen ? <ChevronDown aria-hidden /> : <ChevronRight aria-hidden />} {words.advanced}
      </button>
      {isOpen && (
        <div className="mt-2 grid gap-4 wide:grid-cols-2">
          <Field name="notBefore" label={words.notBefore} mark={mark} help={words.notBeforeHelp} error={errorAt(errors, 'notBefore')}>
            {(control) => <DateTime {...control} value={values.notBefore} onChange={(next) => set('notBefore', next)} onBlur={() => touch('notBefore')} />}
          </Field>
          <Field name="tags" label={words.tags} mark={mark} help={words.tagsHelp} error={errorAt(errors, 'tags')}>
            {(control) => <TagInput {...control} values={values.tags} onChange={(next) => set('tags', next)} />}
          </Field>
          <Field name="credits" label={words.credits} mark={mark} help={words.creditsHelp} error={errorAt(errors, 'credits')}>
            {(control) => (
              <Input {...control} inputMode="numeric" placeholder={words.creditsPlaceholder} value={values.credits} onChange={(event) => set('credits', event.target.value)} onBlur={() => touch('credits')} />
            )}
          </Field>
          {values.credits !== '' && (
            <div className="grid grid-cols-2 gap-2">
              <Field label={words.refill}>{(control) => <Select {...control} options={refills} value={values.refill} onChange={(next) => set('refill', next)} />}</Field>
              {values.refill !== 'none' && (
                <Field name="refillTo" label={words.refillTo} error={errors.refillTo}>
                  {(control) => <Input {...control} inputMode="numeric" value={values.refillTo} onChange={(event) => set('refillTo', event.target.value)} onBlur={() => touch('refillTo')} />}
                </Field>
              )}
            </div>
          )}
          {!isEdit && (
            <>
              <Field name="prefix" label={words.prefix} mark={mark} help={words.prefixHelp} error={errorAt(errors, 'prefix')}>
                {(control) => <Input {...control} mono value={values.prefix} onChange={(event) => set('prefix', event.target.value)} />}
              </Field>
              <Field name="secret" label={words.secret} mark={mark} help={words.secretHelp} error={errorAt(errors, 'secret')}>
                {(control) => <Input {...control} mono type="password" autoComplete="new-password" value={values.secret} onChange={(event) => set('secret', event.target.value)} onBlur={() => touch('secret')} />}
              </Field>
              <div>
                <Checkbox checked={values.enabled} onChange={(next) => set('enabled', next)} label={words.enabled} />
                <p className="text-12 text-muted">{words.enabledHelp}</p>
              </div>
            </>
          )}
          <Field name="metadata" label={words.metadata} mark={words.metadataMark} error={errorAt(errors, 'metadata')} className="wide:col-span-2">
            {(control) => <Textarea {...control} mono rows={4} value={values.metadata} onChange={(event) => set('metadata', event.target.value)} onBlur={() => touch('metadata')} />}
          </Field>
        </div>
      )}
    </div>
  )
}
