import { useParams } from '@tanstack/react-router'
import { environments, type Environment } from '@/lib/environments'
import { useSession } from './useSession'
import type { SessionOrganization } from './types'

/** The organization of the address. The shell has shown "no such page" where there is none. */
export function useOrganization(): { organization: SessionOrganization; present: Environment[] } {
  const { org } = useParams({ strict: false })
  const session = useSession()
  const organization = session.organizations.find(({ slug, id }) => slug === org || id === org)
  if (!organization) throw new Error('a page of an organization stands outside its shell')
  return { organization, present: presentIn(organization, session.environments.map(({ name }) => name)) }
}

/** The environments of the installation in which a member has a role, in the usual order. */
export const presentIn = (organization: SessionOrganization, installed: Environment[]) =>
  environments.filter((name) => installed.includes(name) && organization.roles[name])
