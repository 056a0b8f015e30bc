import { catalogue, customers, domains, keysOf, type FixtureKey } from './data.ts'
import { ok, problem, type Answered, type Asked } from './fixture.ts'

const page = (items: unknown[], asked: Asked, total = items.length) => {
  const limit = Number(asked.query.get('limit') ?? 50)
  const start = Number(asked.query.get('cursor') ?? 0)
  const end = start + limit
  return ok({
    items: items.slice(start, end),
    next_cursor: end < items.length ? String(end) : null,
    ...(asked.query.get('count') ? { total, total_is_exact: true } : {}),
  })
}

/** One environment's API. */
export function environmentAnswer(environment: string, asked: Asked): Answered {
  const keys = keysOf(environment)
  if (process.env.FIXTURE_FAILS === environment) return problem(503, 'unavailable', `The API of ${environment} did not answer within 10 seconds.`)
  if (asked.path === '/permissions') return ok({ groups: catalogue })
  const inside = /^\/organizations\/[^/]+\/(.+)$/.exec(asked.path)?.[1] ?? (asked.path.startsWith('/root-keys') ? asked.path.replace('/root-keys', 'keys') : undefined)
  if (!inside) return undefined
  if (inside === 'permissions') return ok({ items: [{ name: 'documents.read' }, { name: 'documents.write' }] })
  if (inside === 'customers') return page(customers, asked)
  if (inside === 'domains') return page(domains, asked)
  if (inside.startsWith('logs/actions')) return page(history, asked)
  if (inside === 'keys' && asked.method === 'GET') return page(sorted(filtered(keys, asked), asked.query.get('sort')), asked)
  if (inside === 'keys' && asked.method === 'POST') return created(environment, asked)
  if (inside === 'keys/bulk-revoke')
    return ok({ calls_last_24_hours: 1284, confirm: 'token', confirm_until: '2026-11-19T15:00:00Z', customers: 2, is_dry_run: !asked.body.confirm, keys: 3, keys_remaining: 0, receipt: null, revoked: [] })
  if (inside === 'roles')
    return page([{ id: 'role_support', name: 'Support desk', description: 'Looks things up for customers', permissions: ['customers.read', 'keys.read', 'licenses.read', 'licenses.issue', 'logs.read'], created_at: '2026-05-01T00:00:00Z', updated_at: '2026-11-01T00:00:00Z' }], asked)
  if (inside === 'policy')
    return { status: 200, headers: { ETag: '"3"' }, body: { default_limits: [{ name: 'requests', limit: 100, window_ms: 60_000, auto: true }], limits_max: environment === 'production' ? [{ limit: 5000, window_ms: 60_000 }] : [], default_lifetime_seconds: null, lifetime_seconds_max: environment === 'production' ? 31_536_000 : null, must_expire: environment === 'production', ips_required: false, allow_supplied_secrets: true, prefix: null, secret_bytes: null, updated_at: '2026-11-01T00:00:00Z' } }
  if (inside === 'policy/violations')
    return page(environment === 'production' ? keys.slice(0, 2).map(({ id, name, hint, created_at }) => ({ key_id: id, name, hint, created_at, rules: [{ code: 'policy-must-expire', message: 'A key has to have an end.' }] })) : [], asked)
  const [, customerId, ofCustomer] = /^customers\/([^/]+)(?:\/(.+))?$/.exec(inside) ?? []
  const customer = customers.find((each) => each.id === customerId)
  if (customer && ofCustomer === 'keys') return page(keys.slice(0, 3), asked)
  if (customer) return { status: 200, headers: { ETag: '"2"' }, body: customer }
  const [, id, act] = /^keys\/([^/]+)(?:\/(.+))?$/.exec(inside) ?? []
  const key = keys.find((each) => each.id === id)
  if (!key) return problem(404, 'not-found', 'There is no such key.')
  return ofKey(environment, key, act, asked)
}

function ofKey(environment: string, key: FixtureKey, act: string | undefined, asked: Asked): Answered {
  if (act === 'secrets')
    return ok({
      items: [
        { id: 'sec_2', hint: key.hint, created_at: '2026-11-19T08:12:00Z', is_active: true, is_duplicated: false, last_used_at: key.last_used_at, last_used_ip: key.last_used_ip, retires_at: null },
        { id: 'sec_1', hint: key.hint.replace(/....$/, '77c0'), created_at: '2026-02-03T08:12:00Z', is_active: key.secrets_active > 1, is_duplicated: false, last_used_at: '2026-11-19T12:54:00Z', last_used_ip: '198.51.100.9', retires_at: new Date(Date.now() + 66_000_000).toISOString() },
      ],
    })
  if (act === 'regenerate') return ok({ key, secret: secretOf(environment) })
  if (act === 'revoke') Object.assign(key, { status: 'inactive', revoked_at: new Date().toISOString(), revoke_reason: asked.body.reason ?? 'other' })
  if (act === 'reactivate') Object.assign(key, { status: 'active', revoked_at: null, revoke_reason: null })
  if (asked.method === 'DELETE') {
    keysOf(environment).splice(keysOf(environment).indexOf(key), 1)
    return { status: 204 }
  }
  if (asked.method === 'PATCH') Object.assign(key, asked.body)
  return { status: 200, body: key, headers: { ETag: '"7"' } }
}

function created(environment: string, asked: Asked): Answered {
  if (String(asked.body.name).toLowerCase() === 'taken')
    return problem(422, 'validation', 'The input is not acceptable.', {
      errors: [{ pointer: '/name', code: 'taken', message: 'Another key has this name.' }, { pointer: '/ips/0', code: 'ip', message: 'This is not an address.' }],
    })
  const key = { ...keysOf(environment)[0]!, ...asked.body, id: `key_${Date.now()}`, status: 'active', last_used_at: null, expires_at: asked.body.expires_at === 'never' ? null : asked.body.expires_at } as FixtureKey
  keysOf(environment).unshift(key)
  return ok({ key, secret: secretOf(environment) }, 201)
}

const secretOf = (environment: string) =>
  `clv_${{ production: 'prod', staging: 'stag', development: 'dev' }[environment]}_Hc6pW2vNq8RtY4Ks_hV3nR8cYpJ2dXk6TqGz5EuBw7AfMs0Hi1Qr9f3`

/** Without a bound everything is before it; without an end nothing is before a bound. */
const isBefore = (at: string | null | undefined, bound: string | null) => bound === null || (typeof at === 'string' && at < bound)

function filtered(keys: FixtureKey[], { query }: Asked): FixtureKey[] {
  const text = query.get('text')?.toLowerCase()
  return keys.filter(
    (key) =>
      (!query.get('status') || key.status === query.get('status')) &&
      isBefore(key.expires_at, query.get('expires_before')) &&
      (!query.get('unused_since') || !key.last_used_at || key.last_used_at < query.get('unused_since')!) &&
      (!query.get('permission') || key.permissions.includes(query.get('permission')!)) &&
      (!text || key.name.toLowerCase().includes(text) || key.hint.toLowerCase().includes(text)),
  )
}

function sorted(keys: FixtureKey[], sort: string | null): FixtureKey[] {
  if (!sort) return keys
  const field = sort.replace('-', '') as keyof FixtureKey
  const list = keys.toSorted((one, other) => String(one[field] ?? '').localeCompare(String(other[field] ?? '')))
  return sort.startsWith('-') ? list.toReversed() : list
}

const history = [
  {
    id: 'act_2',
    at: '2026-11-19T08:12:00Z',
    actor: { kind: 'member', id: 'mem_1', name: 'ines.okafor@halden.example' },
    action: 'keys.update',
    subject: 'key_1',
    before: { limits: [{ name: 'requests', limit: 100, window_ms: 1000 }], tags: [] },
    after: { limits: [{ name: 'requests', limit: 250, window_ms: 1000 }], tags: ['carrier'] },
    request_id: 'req_0R7cUB8PD',
    address: '198.51.100.7',
  },
  {
    id: 'act_1',
    at: '2026-02-03T08:12:00Z',
    actor: { kind: 'key', id: 'key_0', name: 'Terraform' },
    action: 'keys.create',
    subject: 'key_1',
    before: null,
    after: { name: 'Carrier rate sync' },
    request_id: 'req_0R7cUB8PA',
    address: '198.51.100.9',
  },
]

