import { Outlet } from '@tanstack/react-router'
import { LocalNav } from '@/kit/LocalNav'
import { t } from '@/strings'
import { account as accountTexts } from '@/strings/account'
import { PlainShell } from './PlainShell'

const pages = ['profile', 'security', 'sessions', 'preferences'] as const

/** Everything below `/account`. */
export const AccountShell = () => (
  <PlainShell>
    <div className="flex min-h-full flex-col wide:flex-row">
      <LocalNav label={accountTexts.navigation} title={t.shell.account} items={pages.map((page) => ({ to: `/account/${page}`, label: accountTexts.pages[page] }))} />
      <div className="min-w-0 flex-1 pb-12 [container-type:inline-size]">
        <Outlet />
      </div>
    </div>
  </PlainShell>
)
