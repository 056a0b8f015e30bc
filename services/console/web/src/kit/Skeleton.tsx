import { clsx } from 'clsx'
import { useEffect, useState } from 'react'

/** A grey bar in the place of a text that is still coming. It stands still. */
export const Bar = ({ className }: { className?: string }) => (
  <span aria-hidden className={clsx('block h-3 rounded-badge bg-sunken', className ?? 'w-32')} />
)

/** Whether something has been waited for long enough to show it: below 150 ms nothing flickers. */
export function useIsLate(isWaiting: boolean) {
  const [isLate, setLate] = useState(false)
  useEffect(() => {
    if (!isWaiting) return
    const timer = setTimeout(() => setLate(true), 150)
    return () => {
      clearTimeout(timer)
      setLate(false)
    }
  }, [isWaiting])
  return isWaiting && isLate
}

/** Lines of text that are still coming. */
export function Skeleton({ lines = 4, label }: { lines?: number; label: string }) {
  const isLate = useIsLate(true)
  return (
    <div role="status" aria-label={label} className="grid gap-3 py-4">
      {isLate && Array.from({ length: lines }, (_, index) => <Bar key={index} className={index % 2 ? 'w-1/3' : 'w-1/2'} />)}
    </div>
  )
}
