import type { Limit } from '@/client/types.gen'
import type { Environment } from '@/lib/environments'
import type { Role as RoleId } from '@/session/types'

/** A role for each environment; `null` where a member has none. */
export type Roles = Partial<Record<Environment, RoleId | null>>

export interface Member {
  id: string
  user: { id: string; email: string; name: string }
  roles: Roles
  has_second_factor: boolean
  last_seen_at: string | null
  /** Since when a server admin keeps the person out. */
  disabled_at: string | null
  joined_at: string
  is_self: boolean
}

export interface Invite {
  id: string
  email: string
  roles: Roles
  inviter: { id: string; name: string; email: string } | null
  created_at: string
  expires_at: string
  state: 'open' | 'expired'
}

/** A new or renewed invitation with its link, which is shown once. */
export interface InviteLink {
  invite: Invite
  link: string
}

export interface Security {
  second_factor_required: boolean
  /** As long as the installation says when `null`. */
  session_hours: number | null
  networks: string[] | 'all'
  device_approvals: boolean
  password_max_days: number | null
  step_up_for_regenerate: boolean
}

export interface LoginPage {
  text: string
  accent: string | null
  /** A data URI. */
  logo: string | null
  /** Where the page is. */
  url: string
}

export interface Device {
  id: string
  label: string
  address: string | null
  agent: string | null
  state: 'pending' | 'approved'
  requested_at: string
  approved_at: string | null
  approved_by: string | null
}

/** A device of somebody else, as admins see it. */
export interface MemberDevice extends Device {
  user?: { id: string; email: string }
}

export interface AccessEntry {
  id: string
  at: string
  user: { id: string; email: string } | null
  event: string
  outcome: string
  factor: string | null
  address: string | null
  agent: string | null
  session_id: string | null
}

export interface AccountSession {
  id: string
  device: string | null
  address: string | null
  agent: string | null
  created_at: string
  last_seen_at: string
  is_current: boolean
}

export interface Provisioning {
  environment: Environment
  state: 'ready' | 'wanted' | 'failed'
  reason: string | null
  attempts: number
  updated_at: string
}

export interface Organization {
  id: string
  slug: string
  name: string
  suspended?: boolean
  created_at?: string
}

/** An organization as Server Admin lists it. */
export interface AdminOrganization extends Organization {
  members: number
  suspended: boolean
  created_at: string
  environments: { name: Environment; state: Provisioning['state']; reason: string | null }[]
}

/** An organization that exists in one environment and not in the directory. */
export interface Unadopted {
  environment: Environment
  id: string
  slug: string
  name: string
}

export interface AdminUser {
  id: string
  email: string
  name: string
  is_server_admin: boolean
  has_second_factor: boolean
  disabled_at: string | null
  last_seen_at: string | null
  organizations: number
}

export interface Integration {
  environment: Environment
  enabled: boolean
  public_url: string
  api_url: string
  health: { state: string; latency_ms: number | null; detail: string | null }
  docs_url: string
  snippets: Record<'traefik' | 'caddy' | 'nginx' | 'envoy', string> | null
}

export interface System {
  version: string
  database: { version: string; size_bytes: number }
  environments: { name: Environment; state: string }[]
}

/** One of an organization's own roles, of one environment. */
export interface Role {
  id: string
  name: string
  description: string
  permissions: string[]
  created_at: string
  updated_at: string
}

/** So many requests in each window. */
export interface Rate {
  limit: number
  window_ms: number
}

/** What an organization demands of its keys in an environment, and gives them by default. */
export interface Policy {
  default_limits: Limit[]
  limits_max: Rate[]
  default_lifetime_seconds: number | null
  lifetime_seconds_max: number | null
  must_expire: boolean
  ips_required: boolean
  allow_supplied_secrets: boolean
  prefix: string | null
  secret_bytes: number | null
}

/** A key that breaks the policy, and the rules that it breaks. */
export interface Violation {
  key_id: string
  name: string
  hint: string
  rules: { code: string; message: string }[]
}
