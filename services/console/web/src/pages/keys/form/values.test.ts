import { describe, expect, it } from 'vitest'
import type { KeyPatch } from '@/client/types.gen'
import { exampleKey } from '@/test/keys'
import { checkKey } from './check'
import { emptyValues, fromKey, toNewKey, toPatch, type KeyValues } from './values'

const now = new Date('2026-11-19T13:32:00Z')
const named: KeyValues = { ...emptyValues, name: ' Portal ', environment: 'staging' }

describe('a new key', () => {
  it('says what it is not limited to in words, and leaves the rest to the server', () => {
    expect(toNewKey(named)).toEqual({ name: 'Portal', permissions: [], ips: 'all', domains: 'all', customers: 'all', expires_at: 'never' })
  })

  it('sends every member that the form can set', () => {
    const body = toNewKey({
      ...named,
      domains: ['a.example'],
      customers: ['cus_1'],
      permissions: ['customers.read', 'documents.read'],
      createPermissions: true,
      allIps: false,
      ips: '10.0.0.1\n# note',
      neverExpire: false,
      expires: '2027-02-17T09:00',
      limitsMode: 'own',
      limits: [{ name: 'requests', limit: '600', window: '60000', auto: false }],
      notBefore: '2026-12-01T09:00',
      credits: '100',
      refill: 'daily',
      refillTo: '50',
      tags: ['portal'],
      prefix: 'acme',
      secret: 'x'.repeat(32),
      enabled: false,
      metadata: '{"owner":"team"}',
    })
    expect(body).toEqual({
      name: 'Portal',
      domains: ['a.example'],
      customers: ['cus_1'],
      permissions: ['customers.read', 'documents.read'],
      create_permissions: true,
      ips: ['10.0.0.1'],
      expires_at: new Date('2027-02-17T09:00').toISOString(),
      limits: [{ name: 'requests', limit: 600, window_ms: 60000, auto: false }],
      not_before: new Date('2026-12-01T09:00').toISOString(),
      credits: { remaining: 100, refill: { interval: 'daily', amount: 50 } },
      tags: ['portal'],
      prefix: 'acme',
      secret: 'x'.repeat(32),
      enabled: false,
      metadata: { owner: 'team' },
    })
  })

  it('of the installation has no domains and no customers', () => {
    expect(toNewKey(named, 'root')).not.toHaveProperty('domains')
    expect(toNewKey(named, 'root')).not.toHaveProperty('customers')
  })
})

describe('an edit', () => {
  const before = fromKey(exampleKey)

  it('sends nothing when nothing was changed', () => expect(toPatch(before, { ...before })).toEqual({}))

  const changes: [string, Partial<KeyValues>, KeyPatch][] = [
    ['a name', { name: 'Other' }, { name: 'Other' }],
    ['domains to all', { domains: [] }, { domains: 'all' }],
    ['addresses to all', { allIps: true }, { ips: 'all' }],
    ['no end', { neverExpire: true }, { expires_at: 'never' }],
    ['no limits', { limitsMode: 'none' }, { limits: 'none' }],
    ['a balance without its refill', { credits: '7' }, { credits: { remaining: 7 } }],
    ['a refill without its balance', { refillTo: '70' }, { credits: { refill: { interval: 'daily', amount: 70 } } }],
    ['no refill', { refill: 'none' }, { credits: { refill: 'none' } }],
    ['no balance', { credits: '' }, { credits: 'unlimited' }],
    ['notes', { metadata: '' }, { metadata: {} }],
  ]
  it.each(changes)('of %s sends that alone', (_, change, patch) => expect(toPatch(before, { ...before, ...change })).toEqual(patch))

  it('does not see a change in the order of permissions or the layout of notes', () => {
    const same = { permissions: before.permissions.toReversed(), metadata: '{"owner":"team"}' }
    expect(toPatch(before, { ...before, ...same })).toEqual({})
  })
})

describe('the check before sending', () => {
  it('finds nothing wrong with what the form starts from, once it has a name', () => expect(checkKey(named, now)).toEqual({}))

  it('says each mistake at its field', () => {
    const errors = checkKey(
      {
        ...emptyValues,
        allIps: false,
        ips: '10.0.0.1\n10.0.0.300',
        neverExpire: false,
        expires: '2026-11-01T09:00',
        limitsMode: 'own',
        limits: [
          { name: 'a', limit: '0', window: '1000', auto: true },
          { name: 'a', limit: '5', window: '1000', auto: true },
        ],
        credits: '1.5',
        secret: 'short',
        metadata: '[1]',
      },
      now,
    )
    expect(Object.keys(errors)).toEqual(['name', 'environment', 'ips', 'expires', 'limits.0.limit', 'limits.1.name', 'credits', 'secret', 'metadata'])
    expect(errors.ips).toBe('Line 2: 300 is not a number from 0 to 255.')
  })

  it('takes an end in the past that the key has already', () => {
    const expired = { ...fromKey(exampleKey), expires: '2026-01-01T09:00' }
    expect(checkKey(expired, now, expired)).toEqual({})
    expect(checkKey(expired, now)).toHaveProperty('expires')
  })
})
