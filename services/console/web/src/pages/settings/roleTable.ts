import type { PermissionGroup } from '@/client/types.gen'
import { groupOf } from '@/session/roles'

/** What an own role may do with a group: as with built-in roles, or only some of it. */
export type OwnAccess = '-' | 'r' | 'w' | 's'

/** Whether a list of permissions, with its wildcards, holds one. */
export const holds = (permissions: string[], name: string) =>
  permissions.some((held) => held === '*' || held === name || (held.endsWith('.*') && name.startsWith(held.slice(0, -1))))

/** The words of an own role in the table of roles; `names` are all permissions of the catalogue. */
export function ownAccess(permissions: string[], group: string, names: string[]): OwnAccess {
  const of = names.filter((name) => groupOf(name) === group)
  const held = of.filter((name) => holds(permissions, name))
  if (held.length === 0) return '-'
  if (held.length === of.length) return 'w'
  return held.every((name) => name.endsWith('.read')) ? 'r' : 's'
}

/** The names that organization keys and roles can hold. */
export const grantable = (groups: PermissionGroup[]) =>
  groups.flatMap(({ permissions }) => permissions.filter(({ root_only }) => !root_only).map(({ name }) => name))
