import { Ban, Circle, CircleCheck, CircleX } from 'lucide-react'
import { clsx } from 'clsx'
import type { VerifyAnswer } from '@/client/types.gen'
import { t } from '@/strings'

const words = t.keys.detail.check
const icons = {
  passed: <CircleCheck aria-hidden className="size-3.5 text-active" />,
  failed: <CircleX aria-hidden className="size-3.5 text-danger" />,
  skipped: <Circle aria-hidden className="size-3.5 text-muted" />,
}

/** What each check came to, in the order of verification. */
export function DecisionTrace({ answer }: { answer: VerifyAnswer }) {
  const trace = answer.trace ?? []
  const isAllowed = answer.verdict === 'VALID'
  const failed = trace.findIndex(({ outcome }) => outcome === 'failed')
  return (
    <div role="status" className="mt-4 rounded-panel border border-line-strong">
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-2.5">
        {isAllowed ? <CircleCheck aria-hidden className="text-active" /> : <Ban aria-hidden className="text-danger" />}
        <b className="flex-1 font-semibold">{isAllowed ? words.allowed : failed >= 0 ? words.denied(failed + 1, trace.length) : answer.verdict}</b>
        <code className={clsx('text-12', isAllowed ? 'text-muted' : 'text-danger')}>
          {answer.verdict}
          {answer.reason ? ` ${answer.reason}` : ''}
        </code>
      </div>
      <ol className="px-1.5 py-1.5 text-13">
        {trace.map((step) => (
          <li key={step.check} className={clsx('flex gap-3 rounded-control px-2 py-1.5', step.outcome === 'failed' && 'bg-danger-soft')}>
            <span className="mt-0.5">{icons[step.outcome]}</span>
            <span className={clsx('w-28 shrink-0', step.outcome === 'failed' && 'font-medium text-danger', step.outcome === 'skipped' && 'text-muted')}>
              {words.checks[step.check] ?? step.check}
            </span>
            <span className={clsx('min-w-0 break-words', step.outcome !== 'failed' && 'text-muted')}>{step.detail || words.outcomes[step.outcome]}</span>
          </li>
        ))}
      </ol>
    </div>
  )
}
