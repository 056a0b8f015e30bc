import { buttonLook } from '@/kit/Button'
import { ErrorPanel } from '@/kit/ErrorPanel'
import { asFailure } from '@/lib/problem'
import { t } from '@/strings'

/** Instead of the console, when not even the session can be had. */
export function Unavailable({ error, reset }: { error: unknown; reset: () => void }) {
  const failure = asFailure(error)
  if (failure.status === 401)
    return (
      <main className="mx-auto w-90 max-w-full px-4 py-16">
        <h1 className="text-16 font-semibold">{t.shell.ended.title}</h1>
        <p className="mt-4">
          <a className={buttonLook('primary')} href={`/login?next=${encodeURIComponent(location.pathname + location.search)}`}>
            {t.shell.ended.signIn}
          </a>
        </p>
      </main>
    )
  return (
    <main>
      <ErrorPanel title={t.shell.errors.sessionFailed} failure={failure} onRetry={reset} />
    </main>
  )
}
