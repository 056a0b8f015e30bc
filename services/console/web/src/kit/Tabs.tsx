import { Link } from '@tanstack/react-router'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'

interface LinkedTab {
  /** The value of `?tab=`; the first tab has none in the address. */
  value: string
  label: ReactNode
}

/** Tabs that change the page: links, so that each has an address of its own. */
export function LinkedTabs({ tabs, value, label }: { tabs: LinkedTab[]; value: string; label: string }) {
  return (
    <nav aria-label={label} className="flex gap-4 overflow-x-auto border-b border-line px-4 wide:px-6">
      {tabs.map((tab, index) => (
        <Link
          key={tab.value}
          to="."
          activeOptions={{ exact: true, includeSearch: true }}
          search={(before: Record<string, unknown>) => ({ ...before, tab: index === 0 ? undefined : tab.value }) as never}
          aria-current={tab.value === value ? 'page' : undefined}
          className={clsx(
            '-mb-px border-b-2 py-2 text-13 font-medium whitespace-nowrap no-underline',
            tab.value === value ? 'border-ink text-ink' : 'border-transparent text-muted hover:text-ink',
          )}
        >
          {tab.label}
        </Link>
      ))}
    </nav>
  )
}
