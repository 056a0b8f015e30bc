import { CSPProvider } from '@base-ui/react/csp-provider'
import { Tooltip } from '@base-ui/react/tooltip'
import { Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useEffect } from 'react'
import { choice, choose } from '@/environment/choice'
import { ToastArea } from '@/kit/Toast'
import { environments } from '@/lib/environments'
import { secondFactorRequired } from '@/lib/http'
import { SecretModal } from '@/secret/SecretModal'
import { SessionEnded } from '@/session/SessionEnded'
import { StepUp } from '@/session/StepUp'
import { useAccountPreferences } from '@/session/useAccountPreferences'
import { useSession } from '@/session/useSession'
import { LeaveGuard } from '@/shell/LeaveGuard'
import { paletteOpen } from '@/shell/open'
import { ShortcutSheet } from '@/shell/ShortcutSheet'
import { useShortcuts } from '@/shell/shortcuts'
import { useHeld } from '@/lib/useHeld'

// Loaded once the page stands, so that it is there when it is first opened.
const loadPalette = () => import('@/shell/Palette').then(({ Palette: component }) => ({ default: component }))
const Palette = lazy(loadPalette)

/** What lies around and over every page. */
export function Root() {
  return (
    <CSPProvider disableStyleElements>
      <Tooltip.Provider delay={300}>
        <ToastArea>
          <Outlet />
          <Over />
        </ToastArea>
      </Tooltip.Provider>
    </CSPProvider>
  )
}

function Over() {
  const session = useSession()
  const navigate = useNavigate()
  const { pathname } = useLocation()
  const isPaletteWanted = useHeld(paletteOpen)
  const hasEnvironments = /^\/(o|admin)\b/.test(pathname)

  const nextEnvironment = useCallback(() => {
    if (!hasEnvironments) return
    const installed = session.environments.map(({ name }) => name)
    const order = ['all' as const, ...environments.filter((name) => installed.includes(name))]
    const next = order[(order.indexOf(choice.get()) + 1) % order.length]!
    choose(next)
    void navigate({ to: '.', search: (before: Record<string, unknown>) => ({ ...before, env: next }) as never })
  }, [hasEnvironments, navigate, session.environments])
  useShortcuts(nextEnvironment)
  useAccountPreferences()

  useEffect(() => {
    const timer = setTimeout(() => void loadPalette(), 1000)
    return () => clearTimeout(timer)
  }, [])

  useEffect(() => {
    secondFactorRequired.set(() => void navigate({ to: '/account/security' as never }))
    return () => secondFactorRequired.set(null)
  }, [navigate])

  return (
    <>
      {isPaletteWanted && (
        <Suspense>
          <Palette />
        </Suspense>
      )}
      <LeaveGuard />
      <ShortcutSheet />
      <SecretModal />
      <StepUp />
      <SessionEnded />
    </>
  )
}
