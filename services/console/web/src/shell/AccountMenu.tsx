import { Check, LogOut, ShieldCheck, UserRound } from 'lucide-react'
import { Link } from '@tanstack/react-router'
import { Avatar } from '@/kit/Avatar'
import { Menu, MenuHead, MenuItem, MenuRule } from '@/kit/Menu'
import { controlCall } from '@/lib/api'
import { preferences, setPreferences, type Theme } from '@/lib/preferences'
import { queryClient } from '@/lib/query'
import { useHeld } from '@/lib/useHeld'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'

/** Ends the session and leaves nothing of it in this tab. */
export async function signOut() {
  await controlCall('/session/sign-out', { method: 'POST' }).catch(() => undefined)
  queryClient.clear()
  location.assign('/login')
}

export function AccountMenu() {
  const { user } = useSession()
  const { theme } = useHeld(preferences)
  return (
    <Menu
      trigger={
        <button type="button" className="grid size-8 place-items-center rounded-full">
          <Avatar name={user.name || user.email} />
          <span className="sr-only">
            {t.shell.account}: {user.email}
          </span>
        </button>
      }
    >
      <MenuHead>{user.email}</MenuHead>
      <MenuItem icon={<UserRound aria-hidden />} render={<Link to={'/account/profile' as never} />}>
        {t.shell.account}
      </MenuItem>
      {user.is_server_admin && (
        <MenuItem icon={<ShieldCheck aria-hidden />} render={<Link to={'/admin' as never} />}>
          {t.shell.serverAdmin}
        </MenuItem>
      )}
      <MenuRule />
      <MenuHead>{t.shell.theme}</MenuHead>
      {(Object.keys(t.shell.themes) as Theme[]).map((name) => (
        <MenuItem
          key={name}
          icon={theme === name ? <Check aria-hidden /> : <span className="size-4" />}
          onSelect={() => setPreferences({ theme: name })}
        >
          {t.shell.themes[name]}
        </MenuItem>
      ))}
      <MenuRule />
      <MenuItem icon={<LogOut aria-hidden />} onSelect={() => void signOut()}>
        {t.shell.signOut}
      </MenuItem>
    </Menu>
  )
}
