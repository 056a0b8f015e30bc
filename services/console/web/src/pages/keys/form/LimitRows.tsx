import { Plus, X } from 'lucide-react'
import { Button } from '@/kit/Button'
import { Checkbox } from '@/kit/Checkbox'
import { FieldNote } from '@/kit/Field'
import { IconButton } from '@/kit/IconButton'
import { Input } from '@/kit/Input'
import { Select } from '@/kit/Select'
import { t } from '@/strings'
import { limitText, tightest, windowText, windows } from '../limits'
import { errorAt } from './formTypes'
import { limitsOf, type LimitRow } from './values'

const words = t.keyForm

interface Props {
  rows: LimitRow[]
  /** By path: `limits.0.name`. */
  errors: Record<string, string>
  onChange: (rows: LimitRow[]) => void
  onTouch: () => void
}

/** Limits, one to a row, with the tightest of them told below. */
export function LimitRows({ rows, errors, onChange, onTouch }: Props) {
  const change = (index: number, row: Partial<LimitRow>) => onChange(rows.map((each, at) => (at === index ? { ...each, ...row } : each)))
  const first = tightest(limitsOf(rows).filter(({ limit }) => limit > 0))
  return (
    <>
      <ul className="grid gap-2">
        {rows.map((row, index) => (
          <li key={index}>
            <div className="flex flex-wrap items-center gap-2">
              <Input aria-label={words.limitName} aria-invalid={errors[`limits.${index}.name`] ? true : undefined} className="min-w-28 flex-1" value={row.name} onChange={(event) => change(index, { name: event.target.value })} onBlur={onTouch} />
              <Input aria-label={words.limitCount} aria-invalid={errors[`limits.${index}.limit`] ? true : undefined} inputMode="numeric" className="w-26!" value={row.limit} onChange={(event) => change(index, { limit: event.target.value })} onBlur={onTouch} />
              <span className="text-12 text-muted">{words.limitPer}</span>
              <Select label={words.limitWindow} className="w-32!" options={windowOptions(row.window)} value={row.window} onChange={(window) => change(index, { window })} />
              <Checkbox checked={!row.auto} onChange={(asked) => change(index, { auto: !asked })} label={words.limitAsked} />
              <IconButton label={words.limitRemove} onClick={() => onChange(rows.filter((_, at) => at !== index))}>
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
          disabled={rows.length >= 10}
          onClick={() => onChange([...rows, { name: freeName(rows), limit: '100', window: '1000', auto: true }])}
        >
          {words.limitAdd}
        </Button>
        {first && <span className="text-12 text-muted">{words.tightest(limitText(first))}</span>}
      </div>
    </>
  )
}

/** The usual windows, and the one that a key has already. */
const windowOptions = (current: string) =>
  windows.some(({ value }) => value === current) ? windows : [...windows, { value: current, label: windowText(Number(current)) }]

const freeName = (rows: LimitRow[]) => ['requests', 'burst', 'daily', 'hourly'].find((name) => !rows.some((row) => row.name === name)) ?? `limit-${rows.length + 1}`
