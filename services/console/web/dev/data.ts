import type { Key, PermissionGroup } from '../src/client/types.gen'

export type FixtureKey = Omit<Key, 'receipt'>

const now = Date.now()
const ago = (milliseconds: number) => new Date(now - milliseconds).toISOString()
const hour = 3_600_000
const day = 24 * hour

const group = (name: string, resource: string, actions: string[]): PermissionGroup => ({
  name,
  permissions: actions.map((action) => ({
    name: `${resource}.${action}`,
    display_name: `${name.replace(/s$/, '')} ${action[0]!.toUpperCase()}${action.slice(1)}`,
    description: `What ${action} does to ${name.toLowerCase()}`,
    root_only: false,
  })),
})

export const catalogue = [
  group('Organizations', 'organizations', ['read', 'update']),
  group('API Keys', 'keys', ['read', 'create', 'update', 'regenerate', 'revoke', 'delete', 'verify']),
  group('Customers', 'customers', ['read', 'create', 'update', 'suspend', 'delete']),
  group('Domains', 'domains', ['read', 'create', 'check', 'delete']),
  group('Licenses', 'licenses', ['read', 'issue', 'renew', 'validate', 'update', 'suspend', 'revoke']),
  group('Telemetry', 'telemetry', ['read', 'write']),
  group('Logs', 'logs', ['read']),
]

type Row = [name: string, permissions: string[], change: Partial<FixtureKey>]
const limit = (count: number, window_ms: number) => [{ name: 'requests', limit: count, window_ms, auto: true }]
const rows: Row[] = [
  ['Main Website Integration', ['customers.read', 'customers.update', 'licenses.read', 'telemetry.write'], { ips: ['203.0.113.0/24', '198.51.100.7', '2001:db8::/32'], limits: limit(1000, 60_000), last_used_at: ago(8000), last_used_ip: '203.0.113.24' }],
  ['Carrier rate sync', ['customers.read', 'customers.update', 'domains.read', 'domains.check', 'telemetry.read', 'telemetry.write'], { domains: ['rates.halden.example', 'track.halden.example'], ips: ['198.51.100.0/28'], limits: limit(250, 1000), last_used_at: ago(120_000), last_used_ip: '198.51.100.7', expires_at: ago(-3 * day - hour), secrets_active: 2, tags: ['carrier', 'tf-managed'] }],
  ['Warehouse scanners RTM', ['telemetry.write'], { domains: ['scan.halden.example'], limits: limit(100, 60_000), last_used_at: ago(41_000), last_used_ip: '2001:db8:4f::1c', expires_at: ago(-11 * day) }],
  ['Licence server', ['licenses.read', 'licenses.validate'], { limits: limit(600, 60_000), last_used_at: ago(300_000), last_used_ip: '203.0.113.80', expires_at: ago(-220 * day) }],
  ['Old driver app 3.x', ['customers.read', 'telemetry.write', 'telemetry.read'], { status: 'inactive', revoked_at: ago(30 * day), revoke_reason: 'superseded', last_used_at: ago(99 * day), last_used_ip: '203.0.113.9' }],
  ['Nightly export', ['customers.read'], { last_used_at: ago(96 * day), last_used_ip: '203.0.113.31', expires_at: ago(-57 * day) }],
  ['Load test, November', ['*'], { status: 'expired', expires_at: ago(9 * day), last_used_at: ago(10 * day), last_used_ip: '10.40.2.15', limits: limit(10_000, 1000) }],
  ['Dock door displays', ['customers.read'], { status: 'scheduled', not_before: ago(-2 * day), domains: ['dock.halden.example'] }],
  ['Contract tests', [], {}],
]

const stores = new Map<string, FixtureKey[]>()

/** The keys of an environment; they can be changed until the fixture stops. FIXTURE_ROWS makes more of them. */
export function keysOf(environment: string): FixtureKey[] {
  const known = stores.get(environment)
  if (known) return known
  const tag = { production: 'prod', staging: 'stag', development: 'dev' }[environment]
  const wanted = Number(process.env.FIXTURE_ROWS ?? rows.length)
  const keys = Array.from({ length: wanted }, (_, index): FixtureKey => {
    const [name, permissions, change] = rows[index % rows.length]!
    return {
      id: `key_${tag}${String(index).padStart(4, '0')}`,
      name: index < rows.length ? name : `${name} ${index}`,
      hint: `clv_${tag}_9fK2…_…${(0x9f3c + index * 977).toString(16).slice(-4)}`,
      environment: environment as FixtureKey['environment'],
      kind: 'organization',
      organization_id: 'org_01JD4R8Q2M',
      status: 'active',
      permissions,
      domains: 'all',
      customers: 'all',
      ips: 'all',
      limits: [],
      credits: null,
      roles: [],
      effective_permissions: (change.permissions ?? permissions).map((each) => ({ name: each, from: ['key'] })),
      tags: [],
      metadata: {},
      not_before: null,
      expires_at: null,
      created_at: ago((index + 1) * day),
      updated_at: ago(index * day),
      created_by: index % 3 ? 'mem_01JD4R8Q2M' : 'key_prod0003',
      last_used_at: null,
      last_used_ip: null,
      revoked_at: null,
      revoke_reason: null,
      secrets_active: 1,
      ...change,
    } as FixtureKey
  })
  stores.set(environment, keys)
  return keys
}

export const customers = ['Vela Retail Group', 'Kestrel Marine', 'Juniper Pharma', 'Atlas Cold Chain'].map((name, index) => ({
  id: `cus_${index}`,
  name,
  external_id: `ext-${index}`,
  status: index === 3 ? 'suspended' : 'active',
  suspended_at: null,
  limits: [],
  metadata: {},
  created_at: ago(index * day),
  updated_at: ago(index * day),
}))

export const domains = ['rates.halden.example', 'track.halden.example', 'scan.halden.example'].map((name, index) => ({
  id: `dom_${index}`,
  name,
  unicode_name: name,
  challenge_name: `_claviger.${name}`,
  challenge_value: 'claviger=9fK2mQ7x',
  verified_at: index === 2 ? null : ago(index * day),
  warnings: [],
  created_at: ago(index * day),
}))
