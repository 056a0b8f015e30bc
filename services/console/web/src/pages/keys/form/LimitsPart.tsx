import { Plus, X } from 'lucide-react'
import { Button } from '@/kit/Button'
import { FieldNote } from '@/kit/Field'
import { IconButton } from '@/kit/IconButton'
import { Input } from '@/kit/Input'
import { Segments } from '@/kit/Segments'
import { Select } from '@/kit/Select'
import { Checkbox } from '@/kit/Checkbox'
import { t } from '@/strings'
import { limitText, tightest, windowText, windows } from '../limits'
import { errorAt, type FormPart } from './formTypes'
import { limitsOf, type LimitRow } from './values'

const words = t.keyForm

/** How often the key may be used. */
export function LimitsPart({ form, isEdit }: FormPart & { isEdit: boolean }) {
  const { values, errors, set, touch } = form
  const change = (index: number, row: Partial<LimitRow>) =>
    set('limits', values.limits.map((each, at) => (at === index ? { ...each, ...row } : each)))
  const first = tightest(limitsOf(values.limits).filter(({ limit }) => limit > 0))
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
      {values.limitsMode === 'own' && (
        <>
          <ul className="grid gap-2">
            {values.limits.map((row, index) => (
              <li key={index}>
                <div className="flex flex-wrap items-center gap-2">
                  <Input aria-label={words.limitName} aria-invalid={errors[`limits.${index}.name`] ? true : undefined} className="min-w-28 flex-1" value={row.name} onChange={(event) => change(index, { name: event.target.value })} onBlur={() => touch('limits')} />
                  <Input aria-label={words.limitCount} aria-invalid={errors[`limits.${index}.limit`] ? true : undefined} inputMode="numeric" className="w-26!" value={row.limit} onChange={(event) => change(index, { limit: event.target.value })} onBlur={() => touch('limits')} />
                  <span className="text-12 text-muted">{words.limitPer}</span>
                  <Select label={words.limitWindow} className="w-32!" options={windowOptions(row.window)} value={row.window} onChange={(window) => change(index, { window })} />
                  <Checkbox checked={!row.auto} onChange={(asked) => change(index, { auto: !asked })} label={words.limitAsked} />
                  <IconButton label={words.limitRemove} onClick={() => set('limits', values.limits.filter((_, at) => at !== index))}>
                    <X aria-hidden />
                  </IconButton>
                </div>
                <FieldNote id={`limit-${index}`} error={errors[`limits.${index}.name`] ?? errors[`limits.${index}.limit`] ?? errorAt(errors, `limits.${index}`)} />
              </li>
            ))}
          </ul>
          <div className="mt-2 flex items-center justify-between gap-2">
            <Button
              kind="ghost"
              size="bar"
              icon={<Plus aria-hidden />}
              disabled={values.limits.length >= 10}
              onClick={() => set('limits', [...values.limits, { name: freeName(values.limits), limit: '100', window: '1000', auto: true }])}
            >
              {words.limitAdd}
            </Button>
            {first && <span className="text-12 text-muted">{words.tightest(limitText(first))}</span>}
          </div>
        </>
      )}
      <FieldNote id="limits-note" error={errors.limits} />
    </div>
  )
}

/** The usual windows, and the one that a key has already. */
const windowOptions = (current: string) =>
  windows.some(({ value }) => value === current) ? windows : [...windows, { value: current, label: windowText(Number(current)) }]

const freeName = (rows: LimitRow[]) => ['requests', 'burst', 'daily', 'hourly'].find((name) => !rows.some((row) => row.name === name)) ?? `limit-${rows.length + 1}`
