import { peopleAnswer } from './people.ts'
import { ok, type Answered, type Asked } from './fixture.ts'

const session = {
  user: {
    id: 'usr_01JD4R8Q2M',
    email: 'ines.okafor@halden.example',
    name: 'Ines Okafor',
    is_server_admin: true,
    has_second_factor: true,
    recovery_codes_left: 8,
    password_changed_at: '2026-10-01T09:00:00Z',
    preferences: {},
  },
  session: { id: 'ses_1', assurance: 'second-factor', step_up_until: null, created_at: '2026-11-19T08:00:00Z', expires_at: '2026-11-20T08:00:00Z' },
  organizations: [
    {
      id: 'org_01JD4R8Q2M',
      slug: 'halden-freight',
      name: 'Halden Freight',
      member_id: 'mem_01JD4R8Q2M',
      roles: { production: 'owner', staging: 'owner', development: 'owner' },
      needs_second_factor: false,
    },
    {
      id: 'org_02',
      slug: 'vela-retail',
      name: 'Vela Retail',
      member_id: 'mem_02',
      roles: { production: 'viewer', staging: 'developer', development: null },
      needs_second_factor: false,
    },
  ],
  environments: [
    { name: 'production', public_url: 'https://api.halden.example' },
    { name: 'staging', public_url: 'https://api.staging.halden.example' },
    { name: 'development', public_url: 'https://api.dev.halden.example' },
  ],
  version: '1.4.2',
}

/** The console's own resources. Pages that need more add it here. */
export function controlAnswer(asked: Asked): Answered {
  const { method, path } = asked
  if (path === '/session' || path === '/session/step-up') return ok(session)
  if (method === 'POST' && path === '/session/sign-out') return { status: 204 }
  return peopleAnswer(asked)
}
