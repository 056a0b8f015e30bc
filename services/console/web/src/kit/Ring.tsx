import { clsx } from 'clsx'

/** The ring of what is running; a dashed circle when motion is reduced. */
export function Ring({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" aria-hidden="true" className={clsx('lucide', className)}>
      <circle cx="12" cy="12" r="9" strokeDasharray="42 15" className="part-ring origin-center" />
    </svg>
  )
}
