import { Select as Base } from '@base-ui/react/select'
import { Check, ChevronDown } from 'lucide-react'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'

export interface Option<V extends string = string> {
  value: V
  label: string
  /** Below the label, muted. */
  detail?: ReactNode
  disabled?: boolean
}

interface Props<V extends string> {
  options: Option<V>[]
  value: V | null
  onChange: (value: V) => void
  id?: string
  label?: string
  placeholder?: string
  className?: string
  disabled?: boolean
  'aria-describedby'?: string | undefined
  'aria-invalid'?: true | undefined
}

/** One of a few. For many, use `Combobox`. */
export function Select<V extends string>({ options, value, onChange, id, label, placeholder, className, ...rest }: Props<V>) {
  return (
    <Base.Root
      items={options}
      value={value}
      onValueChange={(next) => next !== null && onChange(next as V)}
      disabled={rest.disabled}
    >
      <Base.Trigger
        id={id}
        aria-label={label}
        aria-describedby={rest['aria-describedby']}
        aria-invalid={rest['aria-invalid']}
        className={clsx('part-control flex items-center justify-between gap-2 text-left', className)}
      >
        <span className="truncate">
          <Base.Value placeholder={<span className="text-muted">{placeholder}</span>} />
        </span>
        <Base.Icon>
          <ChevronDown aria-hidden />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-50 outline-none">
          <Base.Popup className="part-float max-h-[min(24rem,var(--available-height))] min-w-[var(--anchor-width)] overflow-y-auto p-1">
            <Base.List>
              {options.map((option) => (
                <Base.Item key={option.value} value={option.value} disabled={option.disabled} className="part-option pr-8 relative">
                  <span>
                    <Base.ItemText>{option.label}</Base.ItemText>
                    {option.detail && <span className="block text-12 text-muted">{option.detail}</span>}
                  </span>
                  <Base.ItemIndicator className="absolute right-2">
                    <Check aria-hidden />
                  </Base.ItemIndicator>
                </Base.Item>
              ))}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
