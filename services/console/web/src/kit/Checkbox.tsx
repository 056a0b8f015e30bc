import { Checkbox as Base } from '@base-ui/react/checkbox'
import { Check, Minus } from 'lucide-react'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'

interface Props {
  checked: boolean
  onChange: (checked: boolean, event: Event) => void
  /** Some of what it stands for. */
  mixed?: boolean
  label?: ReactNode
  /** Its name where no label is shown. */
  name?: string
  disabled?: boolean
  className?: string
  'aria-describedby'?: string
}

export function Checkbox({ checked, onChange, mixed, label, name, disabled, className, ...rest }: Props) {
  const box = (
    <Base.Root
      checked={checked}
      indeterminate={mixed}
      onCheckedChange={(next, details) => onChange(next, details.event)}
      disabled={disabled}
      aria-label={name}
      aria-describedby={rest['aria-describedby']}
      className={clsx(
        'relative grid size-4 shrink-0 place-items-center rounded-badge border after:absolute after:-inset-1',
        checked || mixed ? 'border-accent bg-accent text-on-accent' : 'border-control bg-panel',
        disabled && 'border-line bg-sunken text-disabled',
        !label && className,
      )}
    >
      <Base.Indicator className="grid place-items-center data-[unchecked]:hidden">
        {mixed ? <Minus aria-hidden className="size-3 stroke-3" /> : <Check aria-hidden className="size-3 stroke-3" />}
      </Base.Indicator>
    </Base.Root>
  )
  if (!label) return box
  return (
    <label className={clsx('flex min-h-6 items-center gap-2 text-13', disabled && 'text-disabled', className)}>
      {box}
      <span>{label}</span>
    </label>
  )
}
