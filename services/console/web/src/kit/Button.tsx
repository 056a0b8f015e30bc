import { clsx } from 'clsx'
import type { ComponentProps, ReactNode } from 'react'
import { Ring } from './Ring'
import { Tooltip } from './Tooltip'

/** `reversible`: stops traffic and can be undone. `final`: cannot be undone. */
export type ButtonKind = 'primary' | 'secondary' | 'ghost' | 'reversible' | 'final' | 'link'
/** 32 px, 28 in bars, 24 in rows. */
export type ButtonSize = 'normal' | 'bar' | 'row'

export interface ButtonProps extends Omit<ComponentProps<'button'>, 'type'> {
  kind?: ButtonKind
  size?: ButtonSize
  icon?: ReactNode
  /** What it does now ("Creating…"): shows the ring and takes no further press. */
  busy?: string | false
  /** Why it cannot be used, and who can change that: shown on hover and focus. */
  reason?: ReactNode
  type?: 'button' | 'submit'
}

const kinds: Record<ButtonKind, string> = {
  primary: 'bg-accent text-on-accent border-transparent hover:bg-accent-hover',
  secondary: 'bg-panel text-ink border-line-strong hover:bg-hover',
  ghost: 'bg-transparent text-ink border-transparent hover:bg-sunken',
  reversible: 'bg-panel text-danger border-danger-line hover:bg-danger-soft',
  final: 'bg-danger text-on-danger border-transparent hover:bg-danger-hover',
  link: 'bg-transparent text-accent border-transparent hover:underline',
}
const sizes: Record<ButtonSize, string> = {
  normal: 'h-8 px-3 pointer-coarse:h-10 max-wide:h-10',
  bar: 'h-7 px-2.5 pointer-coarse:h-10 max-wide:h-10',
  row: 'h-6 px-2 text-12 pointer-coarse:h-8',
}
const off = 'bg-sunken text-disabled border-transparent cursor-not-allowed'

export const buttonLook = (kind: ButtonKind = 'secondary', size: ButtonSize = 'normal', isOff = false) =>
  clsx(
    'inline-flex shrink-0 items-center justify-center gap-2 rounded-control border text-13 font-medium whitespace-nowrap no-underline transition-colors duration-[var(--duration-fast)]',
    sizes[size],
    kind === 'link' && 'px-0!',
    isOff ? off : kinds[kind],
  )

/** An action, named by a verb. */
export function Button({ kind, size, icon, busy, reason, type = 'button', children, className, ...rest }: ButtonProps) {
  const isOff = Boolean(rest.disabled || reason)
  // A button with a reason stays focusable, so that the reason can be read.
  const held = Boolean(reason || busy)
  const button = (
    <button
      {...rest}
      type={type}
      aria-disabled={held || undefined}
      disabled={rest.disabled && !reason}
      onClick={held ? (event) => event.preventDefault() : rest.onClick}
      className={clsx(buttonLook(kind, size, isOff), className)}
    >
      {busy ? <Ring /> : icon}
      {busy || children}
    </button>
  )
  return reason ? <Tooltip content={reason}>{button}</Tooltip> : button
}
