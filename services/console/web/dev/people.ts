import { ok, type Answered, type Asked } from './fixture.ts'

const now = Date.now()
const minute = 60_000
const day = 86_400_000
const ago = (milliseconds: number) => new Date(now - milliseconds).toISOString()
const everywhere = (role: string | null) => ({ production: role, staging: role, development: role })

const people: [name: string, email: string, roles: object, factor: boolean, seen: number | null][] = [
  ['Ines Okafor', 'ines.okafor@halden.example', everywhere('owner'), true, 0],
  ['Tomas Lindqvist', 'tomas@halden.example', everywhere('admin'), true, 8 * minute],
  ['Priya Raman', 'priya.raman@halden.example', { production: 'viewer', staging: 'developer', development: 'developer' }, true, 41 * minute],
  ['Jonas Weber', 'jonas.weber@halden.example', everywhere('developer'), false, day],
  ['Mei Tanaka', 'mei@halden.example', { production: null, staging: 'viewer', development: 'viewer' }, false, 180 * minute],
  ['Samuel Adeyemi', 's.adeyemi@ledgerandpine.example', everywhere('auditor'), true, 12 * day],
  ['Dagny Kallevik', 'dagny@halden.example', { production: 'role_support', staging: 'viewer', development: 'viewer' }, true, null],
]
const members = people.map(([name, email, roles, has_second_factor, seen], index) => ({
  id: `mem_${index}`,
  user: { id: `usr_${index}`, email, name },
  roles,
  has_second_factor,
  last_seen_at: seen === null ? null : ago(seen),
  disabled_at: null,
  joined_at: ago((200 - index * 20) * day),
  is_self: index === 0,
}))
const inviter = { id: 'usr_1', name: 'Tomas Lindqvist', email: 'tomas@halden.example' }
const invites = [
  { id: 'inv_1', email: 'l.fontaine@halden.example', roles: everywhere('developer'), inviter, created_at: ago(2 * day), expires_at: ago(-5 * day), state: 'open' },
  { id: 'inv_2', email: 'kim.soto@atlascold.example', roles: everywhere('viewer'), inviter, created_at: ago(10 * day), expires_at: ago(3 * day), state: 'expired' },
]
const list = (items: unknown[]) => ok({ items, next_cursor: null })
const invited = (email: string) => ({ invite: { ...invites[0], id: `inv_${email}`, email }, link: `https://console.halden.example/invite/Tq${email.length}vX9mQ2bZ7wK4rN8sL1dF6gH3jP5yC0aE` })
const device = { id: 'dev_1', label: 'Firefox on Linux', address: '203.0.113.24', agent: 'Mozilla/5.0', state: 'pending', requested_at: ago(3 * minute), approved_at: null, approved_by: null }
const environmentStates = [
  { name: 'production', state: 'ready', reason: null },
  { name: 'staging', state: 'ready', reason: null },
  { name: 'development', state: 'ready', reason: null },
]
const failing = { name: 'staging', state: 'failed', reason: 'The API of Staging did not answer.' }
const organizations = [
  { id: 'org_01JD4R8Q2M', slug: 'halden-freight', name: 'Halden Freight', members: 7, suspended: false, created_at: ago(300 * day), environments: environmentStates },
  { id: 'org_02', slug: 'vela-retail', name: 'Vela Retail', members: 4, suspended: false, created_at: ago(120 * day), environments: [environmentStates[0], failing] },
  { id: 'org_03', slug: 'mossgate', name: 'Mossgate Clinics', members: 9, suspended: true, created_at: ago(200 * day), environments: environmentStates },
]
const users = people.map(([name, email, , has_second_factor, seen], index) => ({
  id: `usr_${index}`,
  email,
  name,
  is_server_admin: index === 0,
  has_second_factor,
  disabled_at: index === 5 ? ago(3 * day) : null,
  last_seen_at: seen === null ? null : ago(seen),
  organizations: index === 6 ? 0 : 1 + (index % 2),
}))
const traefik = (host: string, port: number) => `http:
  routers:
    claviger-api:
      rule: "Host(\`${host}\`)"
      service: claviger-api
      entryPoints: [websecure]
      tls:
        certResolver: letsencrypt
  services:
    claviger-api:
      loadBalancer:
        servers:
          - url: "http://claviger:${port}"`
const integration = (['production', 'staging', 'development'] as const).map((environment, index) => {
  const host = ['api.halden.example', 'api.staging.halden.example', 'api.dev.halden.example'][index]!
  const port = 3003 + 10 * index
  return {
    environment,
    enabled: environment !== 'development',
    public_url: `https://${host}`,
    api_url: `http://claviger:${port}`,
    health: index === 1 ? { state: 'away', latency_ms: null, detail: 'It cannot be reached.' } : { state: 'ready', latency_ms: 3, detail: null },
    docs_url: `https://${host}/v1/docs`,
    snippets: { traefik: traefik(host, port), caddy: `${host} {\n  reverse_proxy claviger:${port}\n}`, nginx: `server {\n  server_name ${host};\n  location / {\n    proxy_pass http://claviger:${port};\n  }\n}`, envoy: `name: claviger-api\nload_assignment: { cluster_name: claviger-api }` },
  }
})

const ofOrganization: Record<string, () => Answered> = {
  '': () => ok({ id: 'org_01JD4R8Q2M', slug: 'halden-freight', name: 'Halden Freight', created_at: ago(300 * day) }),
  '/members': () => list(members),
  '/invites': () => list(invites),
  '/security': () => ok({ second_factor_required: false, session_hours: 12, networks: 'all', device_approvals: true, password_max_days: null, step_up_for_regenerate: true }),
  '/login-page': () => ok({ text: 'Halden staff only. Ask it@halden.example for access.', accent: '#0f6a5b', logo: null, url: 'https://console.halden.example/o/halden-freight/login' }),
  '/devices': () => list([{ ...device, user: members[3]!.user }]),
  '/provisionings': () => list(environmentStates.map(({ name, state, reason }) => ({ environment: name, state, reason, attempts: 1, updated_at: ago(day) }))),
}

const fixed: Record<string, () => Answered> = {
  '/account/sessions': () =>
    list([
      { id: 'ses_1', device: 'Firefox on Linux', address: '203.0.113.24', agent: 'Mozilla/5.0', created_at: ago(3 * 3_600_000), last_seen_at: ago(0), is_current: true },
      { id: 'ses_2', device: 'Safari on iPhone', address: '2001:db8:4f::1c', agent: 'Mozilla/5.0', created_at: ago(9 * day), last_seen_at: ago(2 * day), is_current: false },
    ]),
  '/account/devices': () => list([{ ...device, id: 'dev_0', label: 'Safari on iPhone', state: 'approved', approved_at: ago(9 * day), approved_by: 'you' }, device]),
  '/account/totp': () => ok({ secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', uri: 'otpauth://totp/Claviger', qr_svg: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#fff" d="M0 0h8v8H0z"/><path d="M1 1h3v3H1zM5 1h2v2H5zM1 5h2v2H1zM4 4h1v1H4zM6 6h1v1H6z"/></svg>' }),
  '/account/totp/confirm': () => ok({ recovery_codes: Array.from({ length: 10 }, (_, index) => `k${index}f3-9qx${index}-t7mz`) }),
  '/organizations': () => list(organizations),
  '/organizations/unadopted': () => list([{ environment: 'staging', id: 'org_99', slug: 'sandbox', name: 'Sandbox' }]),
  '/admin/users': () => list(users),
  '/admin/integration': () => list(integration),
  '/admin/system': () =>
    ok({ version: '1.4.2', database: { version: '16.4', size_bytes: 48_234_496 }, environments: integration.map(({ environment }) => ({ name: environment, state: environment === 'staging' ? 'away' : 'ready' })) }),
}

/** People, their organizations, the account and Server Admin. */
export function peopleAnswer({ method, path, body }: Asked): Answered {
  if (path.endsWith('/invites') && method === 'POST') return ok({ items: (body.emails as string[]).map(invited) }, 201)
  if (path.endsWith('/resend')) return ok(invited('l.fontaine@halden.example'))
  const known = fixed[path] ?? (path === '/account/recovery-codes' ? fixed['/account/totp/confirm'] : undefined)
  if (known) return known()
  const inside = /^\/organizations\/[^/]+(.*)$/.exec(path)?.[1]
  if (inside === undefined) return { status: 204 }
  return method === 'GET' ? ofOrganization[inside]?.() : ok(body)
}
