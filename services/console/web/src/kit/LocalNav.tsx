import { Link, useLocation } from '@tanstack/react-router'
import { clsx } from 'clsx'
import { useEffect, useRef } from 'react'

interface Props {
  label: string
  items: { to: string; label: string }[]
  title: string
}

/** The pages of a part, such as Settings: a column at the left; under 900 px a row above the page. */
export function LocalNav({ label, title, items }: Props) {
  const { pathname } = useLocation()
  const nav = useRef<HTMLElement>(null)
  // In the row the current page may lie beyond its end.
  useEffect(() => {
    // Its answer, a promise in new browsers, is no clean-up of the effect.
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' })
  }, [pathname])
  return (
    <nav
      ref={nav}
      aria-label={label}
      className="shrink-0 border-line max-wide:overflow-x-auto max-wide:border-b max-wide:px-4 wide:w-50 wide:border-r wide:px-3 wide:py-5"
    >
      <p className="mb-3 px-3 text-16 font-semibold max-wide:hidden">{title}</p>
      <ul className="flex gap-4 wide:grid wide:gap-0.5">
        {items.map(({ to, label: text }) => {
          const isCurrent = pathname === to || pathname.startsWith(`${to}/`)
          return (
            <li key={to}>
              <Link
                to={to}
                activeOptions={{ exact: true }}
                aria-current={isCurrent ? 'page' : undefined}
                className={clsx(
                  'flex items-center text-13 whitespace-nowrap no-underline max-wide:h-10 max-wide:border-b-2 wide:h-7.5 wide:rounded-control wide:px-3',
                  isCurrent
                    ? 'font-medium text-ink max-wide:border-ink wide:bg-sunken'
                    : 'text-ink hover:bg-sunken max-wide:border-transparent max-wide:text-muted',
                )}
              >
                {text}
              </Link>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}
