import { Link, Outlet } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import { NotFound } from '@/pages/NotFound'
import { environments } from '@/lib/environments'
import { remembered } from '@/lib/preferences'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { Frame } from './Frame'
import { Mark } from './Mark'
import { adminNav } from './navigation'
import { Sidebar } from './Sidebar'
import { PlainShell } from './PlainShell'

/** Everything below `/admin`: the inverse bar, so that nobody takes it for an organization. */
export function AdminShell() {
  const session = useSession()
  if (!session.user.is_server_admin)
    return (
      <PlainShell>
        <NotFound />
      </PlainShell>
    )
  const last = remembered.get('organization')
  const organization = session.organizations.find(({ slug }) => slug === last) ?? session.organizations[0]
  const installed = session.environments.map(({ name }) => name)
  return (
    <Frame
      inverse
      brand={
        <span className="flex items-center gap-2.5 text-13 font-semibold">
          <Mark inverse />
          {t.shell.serverAdmin}
        </span>
      }
      present={environments.filter((name) => installed.includes(name))}
      sidebar={(onCollapse) => (
        <Sidebar
          base="/admin"
          items={adminNav}
          onCollapse={onCollapse}
          head={
            organization && (
              <Link
                to="/o/$org"
                params={{ org: organization.slug }}
                className="mb-2 flex h-9 items-center gap-2.5 border-b border-line px-2 pb-2 text-13 text-muted no-underline hover:text-ink"
              >
                <ArrowLeft aria-hidden />
                {t.shell.backToOrganization(organization.name)}
              </Link>
            )
          }
        />
      )}
    >
      <Outlet />
    </Frame>
  )
}
