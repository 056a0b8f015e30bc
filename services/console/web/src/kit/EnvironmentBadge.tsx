import { clsx } from 'clsx'
import type { Environment } from '@/lib/environments'
import { t } from '@/strings'

export const environmentLook: Record<Environment, { soft: string; strip: string; text: string }> = {
  production: { soft: 'border-production-line bg-production-soft text-production', strip: 'bg-production-strip', text: 'text-production' },
  staging: { soft: 'border-staging-line bg-staging-soft text-staging', strip: 'bg-staging-strip', text: 'text-staging' },
  development: { soft: 'border-development-line bg-development-soft text-development', strip: 'bg-development-strip', text: 'text-development' },
}

/** Square, bordered, the word in full: wherever something of an environment is named. */
export function EnvironmentBadge({ environment, className }: { environment: Environment; className?: string }) {
  return (
    <span
      className={clsx(
        'inline-flex h-5 shrink-0 items-center rounded-badge border px-1.5 text-12 font-medium',
        environmentLook[environment].soft,
        className,
      )}
    >
      {t.environment[environment]}
    </span>
  )
}

/** The small square before the word in controls. */
export const EnvironmentSquare = ({ environment }: { environment: Environment }) => (
  <span aria-hidden data-strip="" className={clsx('size-2 shrink-0 rounded-[2px]', environmentLook[environment].strip)} />
)
