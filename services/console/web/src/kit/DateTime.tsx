import { clsx } from 'clsx'
import type { ComponentProps } from 'react'
import { days, fromLocalField, spelledOut, toLocalField } from '@/lib/time'
import { useNow } from '@/lib/useNow'

interface Props extends Omit<ComponentProps<'input'>, 'value' | 'onChange' | 'type'> {
  /** As a `datetime-local` field has it, in the browser's zone. */
  value: string
  onChange: (value: string) => void
  /** Days from now that one press sets. */
  presets?: { label: string; days: number }[]
}

/** A date and a time, by the browser's own control, with both zones spelled out below it. */
export function DateTime({ value, onChange, presets = [], className, ...rest }: Props) {
  const now = useNow()
  const at = fromLocalField(value)
  return (
    <div className={className}>
      <input {...rest} type="datetime-local" value={value} onChange={(event) => onChange(event.target.value)} className="part-control" />
      {at && <p className="mt-1 text-12 text-muted">{spelledOut(at, now)}</p>}
      {presets.length > 0 && (
        <div className="mt-2 flex flex-wrap gap-1.5">
          {presets.map((preset) => {
            const moment = toLocalField(new Date(now.getTime() + days(preset.days)))
            // A preset is chosen while the date is its date: the clock goes on while the form is open.
            const isChosen = value.slice(0, 10) === moment.slice(0, 10)
            return (
              <button
                key={preset.label}
                type="button"
                aria-pressed={isChosen}
                onClick={() => onChange(moment)}
                className={clsx(
                  'h-6 rounded-badge border px-2 text-12',
                  isChosen ? 'border-accent text-accent' : 'border-line-strong hover:bg-hover',
                )}
              >
                {preset.label}
              </button>
            )
          })}
        </div>
      )}
    </div>
  )
}
