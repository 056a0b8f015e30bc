import { CircleAlert, RefreshCw } from 'lucide-react'
import type { Failure } from '@/lib/problem'
import { t } from '@/strings'
import { Button } from './Button'

/** A block of a page that failed while the others keep working. */
export function BlockError({ title, failure, onRetry }: { title: string; failure: Failure; onRetry?: () => void }) {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-x-3 gap-y-2 rounded-control border border-dashed border-line-strong px-3 py-2.5 text-13">
      <CircleAlert aria-hidden className="text-danger" />
      <span className="min-w-0 flex-1">
        {title} <span className="text-muted">{failure.problem.detail}</span>{' '}
        <span className="font-mono text-12 text-muted">{failure.problem.request_id}</span>
      </span>
      {onRetry && (
        <Button size="row" icon={<RefreshCw aria-hidden className="size-3.5" />} onClick={onRetry}>
          {t.common.tryAgain}
        </Button>
      )}
    </div>
  )
}
