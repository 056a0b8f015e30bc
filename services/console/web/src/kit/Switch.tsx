import { Switch as Base } from '@base-ui/react/switch'
import type { ReactNode } from 'react'

interface Props {
  checked: boolean
  onChange: (checked: boolean) => void
  label: ReactNode
  disabled?: boolean
}

/** A setting that takes effect at once. In a form that is sent, use `Checkbox`. */
export function Switch({ checked, onChange, label, disabled }: Props) {
  return (
    <label className="flex min-h-6 items-center gap-2 text-13">
      <Base.Root
        checked={checked}
        onCheckedChange={(next) => onChange(next)}
        disabled={disabled}
        className="relative h-4 w-7 shrink-0 rounded-full bg-control p-0.5 transition-colors data-[checked]:bg-accent data-[disabled]:bg-line-strong"
      >
        <Base.Thumb className="block size-3 rounded-full bg-panel transition-[translate] duration-[var(--duration-fast)] data-[checked]:translate-x-3" />
      </Base.Root>
      <span>{label}</span>
    </label>
  )
}
