import type { Member, Role as OwnRole, Roles } from '@/control/types'
import type { Environment } from '@/lib/environments'
import { builtInRoles } from '@/session/roles'
import { settings as settingsTexts } from '@/strings/settings'

const words = settingsTexts

/** The word for no role in a choice; not a role of the API. */
export const noRole = 'none'

export const roleName = (role: string | null | undefined, own: OwnRole[] = []): string =>
  !role ? words.members.noRole : (words.roles.builtIn[role] ?? own.find(({ id }) => id === role)?.name ?? role)

/** The role that a member has in all of these environments, or `undefined` where it varies. */
export function sharedRole(roles: Roles, environments: readonly Environment[]): string | null | undefined {
  const found = new Set(environments.map((name) => roles[name] ?? null))
  return found.size === 1 ? [...found][0] : undefined
}

/** What can be chosen: an organization's own roles exist in one environment, so only there. */
export const roleOptions = (environments: readonly Environment[], own: OwnRole[], withNone: boolean) => [
  ...builtInRoles.map((role) => ({ value: role, label: words.roles.builtIn[role] ?? role })),
  ...(environments.length === 1 ? own.map(({ id, name }) => ({ value: id, label: name })) : []),
  ...(withNone ? [{ value: noRole, label: words.members.noRole }] : []),
]

/** How many members have a role in an environment, or anywhere. */
export const membersWith = (members: Member[], role: string, environments: readonly Environment[]) =>
  members.filter(({ roles }) => environments.some((name) => roles[name] === role)).length
