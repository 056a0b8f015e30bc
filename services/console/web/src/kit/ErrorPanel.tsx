import { CircleAlert, Lock, RefreshCw } from 'lucide-react'
import type { Failure } from '@/lib/problem'
import { t } from '@/strings'
import { Button } from './Button'
import { Copy } from './Copy'

interface Props {
  /** What did not work: "The keys could not be loaded". */
  title: string
  failure: Failure
  onRetry?: () => void
}

/** What stands in the place of something that failed: what, why, the request's id, and a way on. */
export function ErrorPanel({ title, failure, onRetry }: Props) {
  const { problem } = failure
  const missing = problem.missing_permissions ?? []
  if (failure.status === 403 && missing.length > 0) return <NoPermission failure={failure} missing={missing} />
  return (
    <div role="alert" className="mx-auto flex w-160 max-w-[100cqw] gap-3 px-4 py-10">
      <CircleAlert aria-hidden className="mt-1 text-danger" />
      <div className="min-w-0">
        <h2 className="text-16 font-semibold">{title}</h2>
        <p className="mt-1 text-14 text-muted">{problem.detail}</p>
        <dl className="mt-3 grid grid-cols-[auto_1fr] gap-x-6 gap-y-1 text-13">
          {failure.status > 0 && (
            <>
              <dt className="text-muted">{t.common.answer}</dt>
              <dd>
                <b className="font-semibold text-danger">{failure.status}</b> {problem.title}
              </dd>
            </>
          )}
          {problem.request_id && (
            <>
              <dt className="text-muted">{t.common.requestId}</dt>
              <dd className="flex items-center gap-1 font-mono text-12">
                {problem.request_id} <Copy text={problem.request_id} />
              </dd>
            </>
          )}
        </dl>
        <div className="mt-4 flex gap-2">
          {onRetry && (
            <Button icon={<RefreshCw aria-hidden />} onClick={onRetry}>
              {t.common.tryAgain}
            </Button>
          )}
          <Copy wording={t.common.copyDetails} text={() => JSON.stringify(problem, null, 2)} />
        </div>
      </div>
    </div>
  )
}

function NoPermission({ failure, missing }: { failure: Failure; missing: string[] }) {
  return (
    <div className="mx-auto w-140 max-w-[100cqw] px-4 py-10">
      <Lock aria-hidden className="text-muted" />
      <h2 className="mt-2 text-16 font-semibold">{t.common.youNeed(missing)}</h2>
      <p className="mt-1 text-14 text-muted">
        {failure.environment ? t.common.notHeldIn(t.environment[failure.environment]) : t.common.notHeld} {t.common.whoGrants}
      </p>
    </div>
  )
}
