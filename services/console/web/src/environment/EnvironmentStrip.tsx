import { clsx } from 'clsx'
import { environmentLook } from '@/kit/EnvironmentBadge'
import { useEnvironmentChoice } from './useEnvironment'

/** Four pixels under the top bar in the environment's colour; grey for all. */
export function EnvironmentStrip() {
  const view = useEnvironmentChoice()
  return <div aria-hidden data-strip={view} className={clsx('h-1 shrink-0', view === 'all' ? 'bg-all-strip' : environmentLook[view].strip)} />
}
