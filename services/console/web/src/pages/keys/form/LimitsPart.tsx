import { FieldNote } from '@/kit/Field'
import { Segments } from '@/kit/Segments'
import { t } from '@/strings'
import type { FormPart } from './formTypes'
import { LimitRows } from './LimitRows'

const words = t.keyForm

/** How often the key may be used. */
export function LimitsPart({ form, isEdit }: FormPart & { isEdit: boolean }) {
  const { values, errors, set, touch } = form
  return (
    <div data-field="limits">
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <span className="text-13 font-medium">{words.limits}</span>
        <Segments
          label={words.limits}
          value={values.limitsMode}
          onChange={(mode) => set('limitsMode', mode)}
          options={[
            // The default is put into a key when it is made; later it has limits of its own or none.
            ...(isEdit ? [] : [{ value: 'default' as const, label: words.limitsDefault }]),
            { value: 'none', label: words.limitsNone },
            { value: 'own', label: words.limitsOwn },
          ]}
        />
      </div>
      {values.limitsMode === 'own' && <LimitRows rows={values.limits} errors={errors} onChange={(rows) => set('limits', rows)} onTouch={() => touch('limits')} />}
      <FieldNote id="limits-note" error={errors.limits} />
    </div>
  )
}
