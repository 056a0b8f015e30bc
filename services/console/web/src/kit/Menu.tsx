import { Menu as Base } from '@base-ui/react/menu'
import { clsx } from 'clsx'
import type { ReactElement, ReactNode } from 'react'
import { Kbd } from './Kbd'

interface MenuProps {
  trigger: ReactElement
  children: ReactNode
  align?: 'start' | 'end'
}

/** A list of actions behind a button. */
export function Menu({ trigger, children, align = 'end' }: MenuProps) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align={align} className="z-50 outline-none">
          <Base.Popup className="part-float max-h-(--available-height) min-w-48 overflow-y-auto p-1 outline-none">{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

interface ItemProps {
  icon?: ReactNode
  children: ReactNode
  onSelect?: () => void
  /** The only one in red, and last, after a rule: what cannot be undone. */
  final?: boolean
  shortcut?: string
  disabled?: boolean
  /** Where it leads, instead of `onSelect`. */
  render?: ReactElement
}

export function MenuItem({ icon, children, onSelect, final, shortcut, disabled, render }: ItemProps) {
  return (
    <Base.Item
      render={render}
      disabled={disabled}
      onClick={onSelect}
      className={clsx('part-option no-underline', final ? 'text-danger' : 'text-ink')}
    >
      {icon}
      <span className="flex-1">{children}</span>
      {shortcut && <Kbd>{shortcut}</Kbd>}
    </Base.Item>
  )
}

export const MenuRule = () => <Base.Separator className="my-1 h-px bg-line" />

export function MenuCheck({ checked, onChange, children }: { checked: boolean; onChange: (checked: boolean) => void; children: ReactNode }) {
  return (
    <Base.CheckboxItem checked={checked} onCheckedChange={onChange} closeOnClick={false} className="part-option pl-7 relative">
      <Base.CheckboxItemIndicator className="absolute left-2 size-2 rounded-full bg-accent" />
      {children}
    </Base.CheckboxItem>
  )
}

export function MenuHead({ children }: { children: ReactNode }) {
  return <div className="px-2.5 pt-1.5 pb-1 text-12 text-muted">{children}</div>
}
