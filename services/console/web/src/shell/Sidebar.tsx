import { Link, useLocation } from '@tanstack/react-router'
import { PanelLeft } from 'lucide-react'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { IconButton } from '@/kit/IconButton'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import type { NavItem } from './navigation'

interface Props {
  base: string
  items: NavItem[]
  /** Above the items: the way back of Server Admin. */
  head?: ReactNode
  onCollapse?: () => void
}

/** The pages at the left. */
export function Sidebar({ base, items, head, onCollapse }: Props) {
  const { version } = useSession()
  return (
    <div className="flex h-full flex-col">
      <nav aria-label={t.shell.mainNavigation} className="min-h-0 flex-1 overflow-y-auto px-2 py-3">
        {head}
        <ul className="grid gap-0.5">
          {items.map((item) => (
            <li key={item.label}>
              {item.items ? (
                <>
                  <div className="flex h-7.5 items-center gap-2.5 px-2 text-13">
                    {item.icon}
                    {item.label}
                  </div>
                  <ul className="ml-4 grid gap-0.5 border-l border-line pl-2">
                    {item.items.map((child) => (
                      <li key={child.label}>
                        <NavLink base={base} item={child} />
                      </li>
                    ))}
                  </ul>
                </>
              ) : (
                <NavLink base={base} item={item} />
              )}
            </li>
          ))}
        </ul>
      </nav>
      <div className="flex items-center justify-between px-4 py-2 text-12 text-muted">
        <span>
          {t.common.product} {version}
        </span>
        {onCollapse && (
          <IconButton label={t.shell.collapse} onClick={onCollapse}>
            <PanelLeft aria-hidden />
          </IconButton>
        )}
      </div>
    </div>
  )
}

function NavLink({ base, item }: { base: string; item: NavItem }) {
  const path = `${base}${item.path}`
  const { pathname } = useLocation()
  const isCurrent = pathname === path || (item.path !== '' && pathname.startsWith(`${path}/`))
  return (
    <Link
      to={path}
      // A page below another is not that page.
      activeOptions={{ exact: true }}
      aria-current={isCurrent ? 'page' : undefined}
      className={clsx(
        'flex h-7.5 items-center gap-2.5 rounded-control px-2 text-13 text-ink no-underline max-wide:h-10 max-wide:text-14',
        isCurrent ? 'bg-sunken font-medium' : 'hover:bg-sunken',
      )}
    >
      {item.icon}
      {item.label}
    </Link>
  )
}
