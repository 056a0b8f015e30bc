import type { Credits, Key, KeyPatch, Limit, NewKey, Refill } from '@/client/types.gen'
import type { Environment } from '@/lib/environments'
import { fromLocalField, toLocalField } from '@/lib/time'
import { parseIps } from './ips'

export interface LimitRow {
  name: string
  limit: string
  window: string
  auto: boolean
}

/** What the form holds: texts as they were typed, so that nothing is lost while they are wrong. */
export interface KeyValues {
  name: string
  environment: Environment | null
  /** Empty: all of them. */
  domains: string[]
  customers: string[]
  permissions: string[]
  /** Ids of roles, whose permissions it has as well. */
  roles: string[]
  createPermissions: boolean
  allIps: boolean
  ips: string
  neverExpire: boolean
  expires: string
  limitsMode: 'default' | 'none' | 'own'
  limits: LimitRow[]
  notBefore: string
  /** Empty: unlimited. */
  credits: string
  refill: 'none' | 'hourly' | 'daily' | 'weekly' | 'monthly'
  refillTo: string
  tags: string[]
  prefix: string
  secret: string
  enabled: boolean
  metadata: string
}

export const emptyValues: KeyValues = {
  name: '',
  environment: null,
  domains: [],
  customers: [],
  permissions: [],
  roles: [],
  createPermissions: false,
  allIps: true,
  ips: '',
  neverExpire: true,
  expires: '',
  limitsMode: 'default',
  limits: [{ name: 'requests', limit: '1000', window: '60000', auto: true }],
  notBefore: '',
  credits: '',
  refill: 'none',
  refillTo: '',
  tags: [],
  prefix: '',
  secret: '',
  enabled: true,
  metadata: '',
}

const orAll = (value: 'all' | string[]): string[] => (value === 'all' ? [] : value)
const localField = (at: string | null | undefined) => (at ? toLocalField(new Date(at)) : '')

/** The form as a key fills it. */
export function fromKey(key: Omit<Key, 'environment'> & { environment: Environment }): KeyValues {
  return {
    ...emptyValues,
    name: key.name,
    environment: key.environment,
    domains: orAll(key.domains),
    customers: orAll(key.customers),
    permissions: [...key.permissions],
    roles: key.roles.map(({ id }) => id),
    allIps: key.ips === 'all',
    ips: key.ips === 'all' ? '' : key.ips.join('\n'),
    neverExpire: !key.expires_at,
    expires: localField(key.expires_at),
    limitsMode: key.limits.length > 0 ? 'own' : 'none',
    limits: limitRows(key.limits),
    notBefore: localField(key.not_before),
    credits: key.credits ? String(key.credits.remaining) : '',
    refill: key.credits?.refill?.interval ?? 'none',
    refillTo: key.credits?.refill ? String(key.credits.refill.amount) : '',
    tags: [...key.tags],
    metadata: Object.keys(key.metadata).length > 0 ? JSON.stringify(key.metadata, null, 2) : '',
  }
}

const instant = (field: string) => fromLocalField(field)?.toISOString()
const listOrAll = (values: string[]): 'all' | string[] => (values.length === 0 ? 'all' : values)
export const ipsOf = (values: Pick<KeyValues, 'allIps' | 'ips'>): 'all' | string[] =>
  values.allIps ? 'all' : parseIps(values.ips).flatMap(({ value }) => value ?? [])
export const limitRows = (limits: Limit[]): LimitRow[] =>
  limits.map(({ name, limit, window_ms, auto }) => ({ name, limit: String(limit), window: String(window_ms), auto: auto !== false }))
export const limitsOf = (rows: LimitRow[]): Limit[] =>
  rows.map(({ name, limit, window, auto }) => ({ name: name.trim(), limit: Number(limit), window_ms: Number(window), ...(auto ? {} : { auto }) }))

/** A text as JSON; `undefined` when it is none. An empty one is an empty object. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const refillOf = ({ refill, refillTo }: KeyValues): Refill | undefined =>
  refill === 'none' ? undefined : { interval: refill, amount: Number(refillTo) }

function creditsOf(values: KeyValues): Credits | undefined {
  if (values.credits.trim() === '') return undefined
  const refill = refillOf(values)
  return { remaining: Number(values.credits), ...(refill ? { refill } : {}) }
}

/** The body of a create. What was left alone is left out. */
export function toNewKey(values: KeyValues, kind: 'organization' | 'root' = 'organization'): NewKey {
  const body: NewKey = { name: values.name.trim(), permissions: values.permissions, ips: ipsOf(values) }
  if (kind === 'organization') {
    body.domains = listOrAll(values.domains)
    body.customers = listOrAll(values.customers)
    if (values.roles.length > 0) body.roles = values.roles
  }
  body.expires_at = values.neverExpire ? 'never' : instant(values.expires)
  if (values.limitsMode === 'own') body.limits = limitsOf(values.limits)
  if (values.limitsMode === 'none') body.limits = 'none'
  const credits = creditsOf(values)
  if (credits) body.credits = credits
  if (values.notBefore) body.not_before = instant(values.notBefore)
  if (values.tags.length > 0) body.tags = values.tags
  if (values.prefix.trim()) body.prefix = values.prefix.trim()
  if (values.secret) body.secret = values.secret
  if (!values.enabled) body.enabled = false
  if (values.createPermissions) body.create_permissions = true
  const metadata = parseObject(values.metadata)
  if (metadata && Object.keys(metadata).length > 0) body.metadata = metadata
  return body
}

const differs = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other)

/** The body of an update: what the form changed, and nothing else. */
export function toPatch(before: KeyValues, after: KeyValues, kind: 'organization' | 'root' = 'organization'): KeyPatch {
  const patch: KeyPatch = {}
  if (before.name !== after.name) patch.name = after.name.trim()
  if (differs(before.permissions.toSorted(), after.permissions.toSorted())) patch.permissions = after.permissions
  if (patch.permissions && after.createPermissions) patch.create_permissions = true
  if (kind === 'organization') {
    if (differs(before.domains, after.domains)) patch.domains = listOrAll(after.domains)
    if (differs(before.customers, after.customers)) patch.customers = listOrAll(after.customers)
    if (differs(before.roles.toSorted(), after.roles.toSorted())) patch.roles = after.roles
  }
  if (differs(ipsOf(before), ipsOf(after))) patch.ips = ipsOf(after)
  const end = (values: KeyValues) => (values.neverExpire ? 'never' : instant(values.expires))
  if (end(before) !== end(after)) patch.expires_at = end(after)
  const limits = (values: KeyValues) => (values.limitsMode === 'own' ? limitsOf(values.limits) : 'none')
  if (differs(limits(before), limits(after))) patch.limits = limits(after)
  if (before.notBefore !== after.notBefore && after.notBefore) patch.not_before = instant(after.notBefore)
  const credits = creditsPatch(before, after)
  if (credits) patch.credits = credits
  if (differs(before.tags, after.tags)) patch.tags = after.tags
  const metadata = parseObject(after.metadata)
  if (metadata && differs(parseObject(before.metadata), metadata)) patch.metadata = metadata
  return patch
}

/** Only what changed of a balance: requests spend it while the form is open. */
function creditsPatch(before: KeyValues, after: KeyValues): KeyPatch['credits'] | undefined {
  if (after.credits.trim() === '') return before.credits === '' ? undefined : 'unlimited'
  const remaining = before.credits === after.credits ? {} : { remaining: Number(after.credits) }
  const refill = refillOf(after)
  const hasNewRefill = differs(refillOf(before), refill)
  const change = { ...remaining, ...(hasNewRefill ? { refill: refill ?? ('none' as const) } : {}) }
  return Object.keys(change).length > 0 ? change : undefined
}
