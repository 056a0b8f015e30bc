import { Outlet, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect } from 'react'
import { choice } from '@/environment/choice'
import { NotFound } from '@/pages/NotFound'
import { remembered } from '@/lib/preferences'
import { presentIn } from '@/session/useOrganization'
import { useSession } from '@/session/useSession'
import { isEnvironmentChoice } from '@/lib/environments'
import { Frame } from './Frame'
import { organizationNav } from './navigation'
import { OrganizationSwitcher } from './OrganizationSwitcher'
import { Sidebar } from './Sidebar'
import { PlainShell } from './PlainShell'

/** Everything below `/o/:org`. */
export function OrganizationShell() {
  const { org } = useParams({ strict: false })
  const session = useSession()
  const organization = session.organizations.find(({ slug, id }) => slug === org || id === org)
  useEnvironmentInAddress()
  useEffect(() => {
    if (organization) remembered.set('organization', organization.slug)
  }, [organization])
  if (!organization)
    return (
      <PlainShell>
        <NotFound />
      </PlainShell>
    )
  const installed = session.environments.map(({ name }) => name)
  return (
    <Frame
      brand={<OrganizationSwitcher organization={organization} />}
      present={presentIn(organization, installed)}
      sidebar={(onCollapse) => <Sidebar base={`/o/${organization.slug}`} items={organizationNav} onCollapse={onCollapse} />}
    >
      <Outlet />
    </Frame>
  )
}

/** Writes the tab's choice into addresses that name no environment, so that a copied address shows others the same. */
function useEnvironmentInAddress() {
  const search: { env?: unknown } = useSearch({ strict: false })
  const navigate = useNavigate()
  const isMissing = !isEnvironmentChoice(search.env)
  useEffect(() => {
    if (!isMissing) return
    void navigate({
      to: '.',
      replace: true,
      hash: true,
      search: (before: Record<string, unknown>) => ({ ...before, env: choice.get() }) as never,
    })
  }, [isMissing, navigate])
}
