import { Outlet } from '@tanstack/react-router'
import { LocalNav } from '@/kit/LocalNav'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'

const pages = ['general', 'environments', 'members', 'roles', 'security', 'login-page'] as const

/** The pages of Settings beside their own navigation. */
export function SettingsShell() {
  const { organization } = useOrganization()
  const base = `/o/${organization.slug}/settings`
  return (
    <div className="flex min-h-full flex-col wide:flex-row">
      <LocalNav label={settingsTexts.navigation} title={t.shell.nav.settings} items={pages.map((page) => ({ to: `${base}/${page}`, label: settingsTexts.pages[page] }))} />
      <div className="min-w-0 flex-1 pb-12 [container-type:inline-size]">
        <Outlet />
      </div>
    </div>
  )
}
