import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { t } from '@/strings'
import { AccountMenu } from './AccountMenu'
import { Mark } from './Mark'

/** A bar with the way back, for pages of no organization: the account, and what was not found. */
export function PlainShell({ children }: { children: ReactNode }) {
  return (
    <div className="flex h-dvh flex-col">
      <header className="flex h-[var(--size-topbar)] shrink-0 items-center justify-between bg-bg px-4">
        <Link to="/" className="flex items-center gap-2.5 text-13 font-semibold text-ink no-underline" title={t.shell.backToConsole}>
          <Mark />
          {t.common.product}
        </Link>
        <AccountMenu />
      </header>
      <div aria-hidden className="h-1 shrink-0 bg-all-strip" />
      <main id="sheet" className="min-h-0 flex-1 overflow-auto bg-panel [container-type:inline-size]">
        {children}
      </main>
    </div>
  )
}
