import type { Role } from './types'

/** Nothing, read, read and export, everything. */
export type Access = '-' | 'r' | 'e' | 'w'

// The table of built-in roles, as the API has it. It only decides which buttons are offered: the API decides what happens.
const groups: Record<string, string> = {
  keys: 'wwwrr',
  verify: 'www--',
  customers: 'wwrrr',
  domains: 'wwrrr',
  licenses: 'wwwrr',
  telemetry: 'wwwrr',
  logs: 'rrrre',
  jobs: 'wwr-r',
  webhooks: 'www-r',
  members: 'ww--r',
  organization: 'wr--r',
}
const resources: Record<string, keyof typeof groups> = {
  ...Object.fromEntries(Object.keys(groups).map((name) => [name, name])),
  limits: 'keys',
  leaks: 'keys',
  exports: 'logs',
  usage: 'logs',
  audit: 'logs',
  imports: 'jobs',
  roles: 'members',
  organizations: 'organization',
  permissions: 'organization',
  policy: 'organization',
  portal: 'organization',
}
/** In the order of the table. */
export const builtInRoles = ['owner', 'admin', 'developer', 'viewer', 'auditor']

/** The groups of permissions, in the order in which tables show them. */
export const roleGroups = Object.keys(groups)
/** The group that a permission belongs to; `undefined` for one of the organization's own API. */
export const groupOf = (permission: string): string | undefined =>
  permission === 'keys.verify' ? 'verify' : resources[permission.split('.')[0] ?? '']
/** What a built-in role may do with a group. */
export const accessOf = (role: Role, group: string): Access => (groups[group]?.[builtInRoles.indexOf(role)] ?? '-') as Access

/**
 * Whether a role is known to lack a permission. An organization's own roles are not known here and lack nothing: their
 * buttons are offered, and a refusal is shown as one.
 */
export function lacks(role: Role | null | undefined, permission: string): boolean {
  if (!role) return true
  const column = builtInRoles.indexOf(role)
  if (column < 0) return false
  const action = permission.split('.')[1] ?? ''
  const group = groupOf(permission)
  // What is in no group belongs to the organization's own API, of which owner and admin hold all.
  const access = (group ? groups[group]?.[column] : column < 2 ? 'w' : '-') as Access
  if (access === 'w') return false
  return !(access !== '-' && (action === 'read' || (access === 'e' && action === 'export')))
}
