import { useLocation } from '@tanstack/react-router'
import { CircleHelp, Menu as MenuIcon, PanelLeft, Search, X } from 'lucide-react'
import { clsx } from 'clsx'
import { useEffect, useState, type ReactNode } from 'react'
import { Dialog } from '@base-ui/react/dialog'
import { EnvironmentControl } from '@/environment/EnvironmentControl'
import { EnvironmentStrip } from '@/environment/EnvironmentStrip'
import { LinkNotice } from '@/environment/LinkNotice'
import { IconButton } from '@/kit/IconButton'
import { Kbd } from '@/kit/Kbd'
import { Tooltip } from '@/kit/Tooltip'
import { useIsWide } from '@/kit/useIsWide'
import type { Environment } from '@/lib/environments'
import { t } from '@/strings'
import { AccountMenu } from './AccountMenu'
import { Banners } from './Banners'
import { listPathOf } from './navigation'
import { paletteOpen, sheetOpen } from './open'

interface Props {
  /** Left of the bar: whose pages these are. */
  brand: ReactNode
  /** The inverse bar of Server Admin. */
  inverse?: boolean
  present: Environment[]
  sidebar: (onCollapse?: () => void) => ReactNode
  children: ReactNode
}

/** Top bar, strip, sidebar and sheet. Under 900 px the sidebar is a drawer. */
export function Frame({ brand, inverse, present, sidebar, children }: Props) {
  const isWide = useIsWide()
  const { pathname } = useLocation()
  const [isCollapsed, setCollapsed] = useState(false)
  const [isDrawerOpen, setDrawerOpen] = useState(false)
  const listPath = listPathOf(pathname)
  const iconLook = inverse ? 'text-on-inverse! hover:bg-inverse-line!' : ''

  // A new page starts at its top, with its title announced.
  useEffect(() => {
    setDrawerOpen(false)
    document.querySelector('#sheet')?.scrollTo(0, 0)
    if (document.activeElement === document.body) document.querySelector<HTMLElement>('#sheet h1')?.focus()
  }, [pathname])

  return (
    <div className="flex h-dvh flex-col">
      <a href="#sheet" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-control focus:bg-panel focus:px-3 focus:py-2">
        {t.shell.skip}
      </a>
      <header
        data-shell={inverse ? 'admin' : 'organization'}
        className={clsx('flex h-[var(--size-topbar)] shrink-0 items-center gap-2 pr-3 wide:pr-4', inverse ? 'bg-inverse text-on-inverse' : 'bg-bg')}
      >
        {!isWide && (
          <IconButton label={t.shell.menu} quiet className={clsx('ml-1', iconLook)} onClick={() => setDrawerOpen(true)}>
            <MenuIcon aria-hidden />
          </IconButton>
        )}
        <div className="min-w-0 flex-1 wide:w-[var(--size-sidebar)] wide:flex-none wide:px-4">{brand}</div>
        <div className="wide:pl-4">
          <EnvironmentControl present={present} inverse={inverse} listPath={listPath} />
        </div>
        <span className="hidden flex-1 wide:block" />
        {isWide ? (
          <>
            <button
              type="button"
              onClick={() => paletteOpen.set(true)}
              className={clsx(
                'flex h-8 w-62 items-center gap-2 rounded-control border px-2.5 text-13',
                inverse ? 'border-inverse-line text-on-inverse-muted' : 'border-line-strong bg-panel text-muted',
              )}
            >
              <Search aria-hidden />
              <span className="flex-1 truncate text-left">{inverse ? t.shell.searchInstallation : t.shell.search}</span>
              <Kbd className={inverse ? 'border-inverse-line bg-transparent! text-on-inverse-muted!' : ''}>Ctrl K</Kbd>
            </button>
            <IconButton label={t.shell.help} className={iconLook} onClick={() => sheetOpen.set(true)}>
              <CircleHelp aria-hidden />
            </IconButton>
          </>
        ) : (
          <IconButton label={t.shell.search} quiet className={iconLook} onClick={() => paletteOpen.set(true)}>
            <Search aria-hidden />
          </IconButton>
        )}
        <AccountMenu />
      </header>
      <EnvironmentStrip />
      <Banners />
      <div className="flex min-h-0 flex-1">
        {isWide && !isCollapsed && (
          <div className="w-[var(--size-sidebar)] shrink-0 border-r border-line bg-bg">{sidebar(() => setCollapsed(true))}</div>
        )}
        {isWide && isCollapsed && (
          <Tooltip content={t.shell.expand} side="right">
            <button type="button" aria-label={t.shell.expand} className="flex w-8 shrink-0 items-end justify-center border-r border-line bg-bg pb-4" onClick={() => setCollapsed(false)}>
              <PanelLeft aria-hidden />
            </button>
          </Tooltip>
        )}
        <main id="sheet" tabIndex={-1} className="@container min-w-0 flex-1 overflow-auto bg-panel outline-none [container-type:inline-size]">
          <LinkNotice listPath={listPath} />
          {children}
        </main>
      </div>
      <Dialog.Root open={isDrawerOpen} onOpenChange={setDrawerOpen}>
        <Dialog.Portal>
          <Dialog.Backdrop className="part-scrim z-40" />
          <Dialog.Popup aria-label={t.shell.menu} className="fixed inset-y-0 left-0 z-40 flex w-76 max-w-[90vw] flex-col bg-bg shadow-dialog outline-none">
            <EnvironmentStrip />
            <div className="flex items-center gap-2 border-b border-line py-2 pr-2 pl-4">
              <div className="min-w-0 flex-1">{inverse ? <b className="text-14 font-semibold">{t.shell.serverAdmin}</b> : brand}</div>
              <Dialog.Close
                render={
                  <IconButton label={t.common.close} quiet>
                    <X aria-hidden />
                  </IconButton>
                }
              />
            </div>
            <div className="min-h-0 flex-1">{sidebar()}</div>
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>
    </div>
  )
}
