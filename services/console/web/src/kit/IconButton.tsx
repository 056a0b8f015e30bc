import { clsx } from 'clsx'
import type { ComponentProps, ReactNode } from 'react'
import { Tooltip } from './Tooltip'

interface Props extends Omit<ComponentProps<'button'>, 'type'> {
  /** Its name, for the tooltip and for screen readers. */
  label: string
  children: ReactNode
  size?: 'normal' | 'row'
  bordered?: boolean
  /** Without a tooltip, where one would cover what it belongs to. */
  quiet?: boolean
}

export function IconButton({ label, children, size = 'normal', bordered, quiet, className, ...rest }: Props) {
  const button = (
    <button
      {...rest}
      type="button"
      aria-label={label}
      className={clsx(
        'inline-flex shrink-0 items-center justify-center rounded-control border text-ink transition-colors duration-[var(--duration-fast)] hover:bg-sunken disabled:text-disabled',
        bordered ? 'border-line-strong bg-panel' : 'border-transparent',
        size === 'row' ? 'size-6 pointer-coarse:size-8' : 'size-8 pointer-coarse:size-10',
        className,
      )}
    >
      {children}
    </button>
  )
  return quiet ? button : <Tooltip content={label}>{button}</Tooltip>
}
