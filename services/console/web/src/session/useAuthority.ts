import type { Environment } from '@/lib/environments'
import { t } from '@/strings'
import { useOrganization } from './useOrganization'
import { lacks } from './roles'

/** What the signed-in member may do in the organization on the page. */
export function useAuthority() {
  const { organization } = useOrganization()
  const may = (environment: Environment, permission: string) => !lacks(organization.roles[environment], permission)
  return {
    may,
    /** Whether the role reaches at least one of these environments with the permission. */
    mayAny: (environments: readonly Environment[], permission: string) => environments.some((name) => may(name, permission)),
    /** Why an action is held back, or nothing when it is not. */
    reason: (environment: Environment, permission: string) =>
      may(environment, permission) ? undefined : t.keys.heldBack(permission, t.environment[environment]),
  }
}
