import { Navigate } from '@tanstack/react-router'
import { Empty } from '@/kit/Empty'
import { remembered } from '@/lib/preferences'
import { useSession } from '@/session/useSession'
import { PlainShell } from '@/shell/PlainShell'
import { t } from '@/strings'

/** `/`: the organization that was open last. */
export function Start() {
  const { user, organizations } = useSession()
  const last = remembered.get('organization')
  const organization = organizations.find(({ slug }) => slug === last) ?? organizations[0]
  if (organization) return <Navigate to="/o/$org" params={{ org: organization.slug }} replace />
  if (user.is_server_admin) return <Navigate to={'/admin' as never} replace />
  return (
    <PlainShell>
      <Empty isPage title={t.shell.errors.noOrganization.title}>{t.shell.errors.noOrganization.text}</Empty>
    </PlainShell>
  )
}
