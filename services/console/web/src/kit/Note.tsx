import { Ban, CircleAlert, Info } from 'lucide-react'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'

interface Props {
  /** Plain advice, amber for soon and caution, red for what was refused. */
  kind?: 'advice' | 'caution' | 'refused'
  children: ReactNode
  /** One way on, at the right. */
  action?: ReactNode
  className?: string
  /** Announced when it appears. */
  live?: boolean
}

const looks = {
  advice: { box: 'bg-sunken', icon: <Info aria-hidden className="text-muted" /> },
  caution: { box: 'bg-soon-soft', icon: <CircleAlert aria-hidden className="text-soon" /> },
  refused: { box: 'bg-danger-soft', icon: <Ban aria-hidden className="text-danger" /> },
}

/** One sentence with one way on. */
export function Note({ kind = 'advice', children, action, className, live }: Props) {
  const look = looks[kind]
  return (
    <div role={live ? (kind === 'refused' ? 'alert' : 'status') : undefined} className={clsx('flex items-start gap-2.5 rounded-control px-3 py-2.5 text-13', look.box, className)}>
      <span className="mt-0.5">{look.icon}</span>
      <div className="min-w-0 flex-1">{children}</div>
      {action}
    </div>
  )
}
