import { Radio } from '@base-ui/react/radio'
import { RadioGroup } from '@base-ui/react/radio-group'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'

export interface RadioCard<V extends string> {
  value: V
  label: ReactNode
  detail?: ReactNode
  disabled?: boolean
  /** Classes of the chosen card, instead of the accent's. */
  chosenLook?: string
}

interface Props<V extends string> {
  legend: string
  cards: RadioCard<V>[]
  value: V
  onChange: (value: V) => void
  columns?: string
  help?: ReactNode
}

/** A few choices that deserve a line of explanation each. */
export function RadioCards<V extends string>({ legend, cards, value, onChange, columns = 'wide:grid-cols-3', help }: Props<V>) {
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-13 font-medium">{legend}</legend>
      <RadioGroup value={value} onValueChange={(next) => onChange(next as V)} aria-label={legend} className={clsx('grid gap-2', columns)}>
        {cards.map((card) => (
          <label
            key={card.value}
            className={clsx(
              'flex min-w-0 items-start gap-2 rounded-control border px-3 py-2.5 text-13',
              value === card.value ? (card.chosenLook ?? 'border-accent bg-accent-soft') : 'border-control bg-panel',
              card.disabled && 'text-disabled',
            )}
          >
            <Radio.Root
              value={card.value}
              disabled={card.disabled}
              className="mt-0.5 grid size-4 shrink-0 place-items-center rounded-full border border-control bg-panel data-[checked]:border-[5px] data-[checked]:border-current"
            />
            <span className="min-w-0">
              <span className="flex items-center gap-1.5 font-medium">{card.label}</span>
              {card.detail && <span className="block truncate text-12 text-muted">{card.detail}</span>}
            </span>
          </label>
        ))}
      </RadioGroup>
      {help && <p className="mt-1 text-12 text-muted">{help}</p>}
    </fieldset>
  )
}
