import { Failure } from '@/lib/problem'
import { ErrorPanel } from '@/kit/ErrorPanel'
import { t } from '@/strings'

/** What a page shows that failed while it was drawn; the shell around it stays. */
export function Crashed({ error, reset }: { error: unknown; reset: () => void }) {
  const failure =
    error instanceof Failure
      ? error
      : new Failure({ code: 'page-failed', title: t.shell.errors.crashed.title, detail: t.shell.errors.crashed.text, status: 0 })
  return <ErrorPanel title={t.shell.errors.crashed.title} failure={failure} onRetry={reset} />
}
