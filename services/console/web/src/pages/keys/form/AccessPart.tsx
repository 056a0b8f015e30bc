import { Checkbox } from '@/kit/Checkbox'
import { DateTime } from '@/kit/DateTime'
import { Field } from '@/kit/Field'
import { Note } from '@/kit/Note'
import { Textarea } from '@/kit/Textarea'
import { t } from '@/strings'
import { errorAt, type FormPart } from './formTypes'
import { isOpen, parseIps } from './ips'

const words = t.keyForm
const presets = [
  { label: '1 d', days: 1 },
  { label: '7 d', days: 7 },
  { label: '30 d', days: 30 },
  { label: '90 d', days: 90 },
  { label: '1 y', days: 365 },
]

/** From where and until when. */
export function AccessPart({ form }: FormPart) {
  const { values, errors, set, touch } = form
  const lines = parseIps(values.ips)
  const notices = lines.flatMap(({ notice }) => notice ?? [])
  return (
    <div className="grid gap-4 wide:grid-cols-2">
      <div>
        <Checkbox checked={values.allIps} onChange={(next) => set('allIps', next)} label={words.allIps} />
        {!values.allIps && (
          <Field
            name="ips"
            label={words.ips}
            mark={words.ipsMark}
            error={errorAt(errors, 'ips')}
            help={
              <>
                {words.ipsHelp}
                {notices.map((notice) => (
                  <span key={notice} className="block">
                    {notice}
                  </span>
                ))}
              </>
            }
            className="mt-2"
          >
            {(control) => (
              <Textarea {...control} mono rows={4} value={values.ips} onChange={(event) => set('ips', event.target.value)} onBlur={() => touch('ips')} />
            )}
          </Field>
        )}
        {!values.allIps && isOpen(lines) && (
          <Note kind="caution" className="mt-2" live>
            {words.ipsOpen}
          </Note>
        )}
      </div>
      <div>
        <Checkbox checked={values.neverExpire} onChange={(next) => set('neverExpire', next)} label={words.neverExpire} />
        {values.neverExpire ? (
          values.environment === 'production' && <p className="mt-2 text-12 text-muted">{words.neverInProduction}</p>
        ) : (
          <Field name="expires" label={words.expires} error={errorAt(errors, 'expires')} className="mt-2">
            {(control) => (
              <DateTime {...control} presets={presets} value={values.expires} onChange={(next) => set('expires', next)} onBlur={() => touch('expires')} />
            )}
          </Field>
        )}
      </div>
    </div>
  )
}
