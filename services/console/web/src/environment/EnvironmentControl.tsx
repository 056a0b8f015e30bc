import { ChevronDown } from 'lucide-react'
import { clsx } from 'clsx'
import { useNavigate } from '@tanstack/react-router'
import { EnvironmentSquare, environmentLook } from '@/kit/EnvironmentBadge'
import { Menu, MenuItem } from '@/kit/Menu'
import { useIsWide } from '@/kit/useIsWide'
import type { Environment, EnvironmentChoice } from '@/lib/environments'
import { t } from '@/strings'
import { choose } from './choice'
import { useEnvironmentChoice } from './useEnvironment'

interface Props {
  present: Environment[]
  /** On the inverse bar of Server Admin. */
  inverse?: boolean
  /** Where to go instead of the same page: from a thing of one environment to the list of the others. */
  listPath?: string | undefined
}

/** Chooses the environment. Under 900 px a menu button in its own colour. */
export function EnvironmentControl({ present, inverse, listPath }: Props) {
  const view = useEnvironmentChoice()
  const isWide = useIsWide()
  const select = useChoose(listPath)
  const options: EnvironmentChoice[] = ['all', ...present]
  if (!isWide)
    return (
      <Menu
        trigger={
          <button
            type="button"
            aria-label={`${t.shell.environment}: ${t.environment[view]}`}
            className={clsx(
              'flex h-10 items-center gap-1.5 rounded-control border px-2.5 text-13 font-medium',
              view === 'all' ? (inverse ? 'border-inverse-line text-on-inverse' : 'border-line-strong bg-panel') : environmentLook[view].soft,
            )}
          >
            {t.environment[view]} <ChevronDown aria-hidden />
          </button>
        }
      >
        {options.map((option) => (
          <MenuItem key={option} onSelect={() => select(option)} icon={option === 'all' ? undefined : <EnvironmentSquare environment={option} />}>
            {t.environment[option]}
          </MenuItem>
        ))}
      </Menu>
    )
  return (
    <div
      role="group"
      aria-label={t.shell.environment}
      className={clsx('flex rounded-control border p-0.5', inverse ? 'border-inverse-line' : 'border-line-strong bg-panel')}
    >
      {options.map((option) => (
        <button
          key={option}
          type="button"
          aria-pressed={option === view}
          onClick={() => select(option)}
          className={clsx(
            'flex h-6.5 items-center gap-1.5 rounded-badge border px-2.5 text-13 font-medium',
            option !== view && clsx('border-transparent', inverse ? 'text-on-inverse-muted hover:text-on-inverse' : 'text-muted hover:text-ink'),
            option === view && option === 'all' && (inverse ? 'border-transparent bg-on-inverse text-inverse' : 'border-transparent bg-sunken text-ink'),
            option === view && option !== 'all' && environmentLook[option].soft,
          )}
        >
          {option !== 'all' && <EnvironmentSquare environment={option} />}
          {t.environment[option]}
        </button>
      ))}
    </div>
  )
}

/** Takes a choice over into the address and into the tab. */
export function useChoose(listPath?: string) {
  const navigate = useNavigate()
  return (option: EnvironmentChoice) => {
    choose(option)
    void navigate({
      to: listPath ?? '.',
      search: (before: Record<string, unknown>) => (listPath ? { env: option } : { ...before, env: option }) as never,
    })
  }
}
