import type { Role } from './types'

type Access = '-' | 'r' | 'e' | 'w'

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
const builtIn = ['owner', 'admin', 'developer', 'viewer', 'auditor']

/**
 * Whether a role is known to lack a permission. An organization's own roles are not known here and lack nothing: their
 * buttons are offered, and a refusal is shown as one.
 */
export function lacks(role: Role | null | undefined, permission: string): boolean {
  if (!role) return true
  const column = builtIn.indexOf(role)
  if (column < 0) return false
  const [resource = '', action = ''] = permission.split('.')
  const group = permission === 'keys.verify' ? 'verify' : resources[resource]
  // What is in no group belongs to the organization's own API, of which owner and admin hold all.
  const access = (group ? groups[group]?.[column] : column < 2 ? 'w' : '-') as Access
  if (access === 'w') return false
  return !(access !== '-' && (action === 'read' || (access === 'e' && action === 'export')))
}
