import type { Environment } from '@/lib/environments'

/** A built-in role, or `role_…`: one of the organization's own. */
export type Role = string

export interface SessionUser {
  id: string
  email: string
  name: string
  is_server_admin: boolean
  has_second_factor: boolean
  recovery_codes_left: number
  password_changed_at: string
  preferences: Record<string, unknown>
}

export interface SessionOrganization {
  id: string
  slug: string
  name: string
  member_id: string | null
  roles: Partial<Record<Environment, Role | null>>
  needs_second_factor: boolean
}

/** What `GET /session` answers: who is signed in, and where. */
export interface Session {
  user: SessionUser
  session: { id: string; assurance: string; step_up_until: string | null; created_at: string; expires_at: string }
  organizations: SessionOrganization[]
  environments: { name: Environment; public_url: string }[]
  version: string
}
