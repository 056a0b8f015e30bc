import { clsx } from 'clsx'
import type { ReactNode } from 'react'

/** A key of the keyboard. */
export function Kbd({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <kbd className={clsx('rounded-badge border border-line bg-bg px-1.5 font-sans text-11 leading-4 text-muted', className)}>
      {children}
    </kbd>
  )
}
