import { describe, expect, it } from 'vitest'
import type { Key } from '@/client/types.gen'
import type { AdminOrganization } from '@/control/types'
import { jsonObject, jsonText } from '@/lib/json'
import type { Placed } from '@/lib/merged'
import { bytes } from '@/lib/numbers'
import { checkPassword, strengthOf } from './account/password'
import { checkOrganization } from './admin/CreateOrganization'
import { filtered } from './admin/OrganizationsPage'
import { isSlug, slugOf } from './admin/slug'
import { checkCustomer } from './customers/CustomerForm'
import { actionWords, subjectName } from './overview/actions'
import { expiring, idle, isUrgent } from './overview/attention'

const now = new Date('2026-11-19T12:00:00Z')
const key = (change: Partial<Placed<Key>>) => ({ id: 'key_1', created_at: '2026-01-01T00:00:00Z', expires_at: null, environment: 'production', ...change }) as Placed<Key>

describe('what needs attention', () => {
  it('shows the keys that end first, and counts the others', () => {
    const keys = ['2026-11-25', '2026-11-20', '2026-11-22'].map((expires_at) => key({ expires_at }))
    const { shown, more } = expiring(keys, 2)
    expect(shown.map(({ expires_at }) => expires_at)).toEqual(['2026-11-20', '2026-11-22'])
    expect(more).toBe(1)
  })
  it('calls no young key idle', () => {
    expect(idle([key({}), key({ created_at: '2026-11-01T00:00:00Z' })], now)).toHaveLength(1)
  })
  it('is urgent within three days', () => {
    expect(isUrgent('2026-11-22T11:00:00Z', now)).toBe(true)
    expect(isUrgent('2026-11-22T13:00:00Z', now)).toBe(false)
  })
})

describe('recent actions', () => {
  it('are told in words', () => {
    expect(actionWords('key.created')).toBe('created key')
    expect(actionWords('key.bulk_revoked')).toBe('bulk revoked key')
  })
  it('name what they were done to, where its name is known', () => {
    expect(subjectName({ before: { name: 'Old' }, after: { name: 'New' }, subject: 'key_1' })).toBe('New')
    expect(subjectName({ before: { name: 'Old' }, after: null, subject: 'key_1' })).toBe('Old')
    expect(subjectName({ before: null, after: { limits: [] }, subject: 'key_1' })).toBe('key_1')
  })
})

describe('slugs', () => {
  it('follow from names', () => {
    expect(slugOf('Halden Freight')).toBe('halden-freight')
    expect(slugOf('  Überführung & Söhne  ')).toBe('uberfuhrung-sohne')
    expect(slugOf('3 Wise Men')).toBe('wise-men')
  })
  it('are letters, digits and single hyphens', () => {
    for (const good of ['abc', 'a-b-c', 'a1b2']) expect(isSlug(good)).toBe(true)
    for (const bad of ['ab', '1abc', 'a--b', '-abc', 'abc-', 'Abc', 'a_b']) expect(isSlug(bad)).toBe(false)
  })
})

describe('forms', () => {
  it('want a name of at most 100 characters and an object', () => {
    expect(checkCustomer({ name: ' ', external_id: '', limits: [], metadata: '[1]' })).toEqual({ name: expect.any(String), metadata: expect.any(String) })
    expect(checkCustomer({ name: 'x'.repeat(101), external_id: '', limits: [], metadata: '' })).toHaveProperty('name')
    expect(checkCustomer({ name: 'Vela', external_id: '', limits: [], metadata: '{"a": 1}' })).toEqual({})
  })
  it('take objects as JSON, and nothing for an empty one', () => {
    expect(jsonObject('')).toEqual({})
    expect(jsonObject('null')).toBeNull()
    expect(jsonObject('{')).toBeNull()
    expect(jsonText({})).toBe('')
  })
  it('want an environment for an organization', () => {
    expect(checkOrganization({ name: 'A', slug: 'abc', environments: [], owner_email: 'x' })).toEqual({ environments: expect.any(String), owner_email: expect.any(String) })
    expect(checkOrganization({ name: 'A', slug: 'abc', environments: ['production'], owner_email: '' })).toEqual({})
  })
  it('want a new password that is long and another one', () => {
    expect(checkPassword({ current: '', next: 'short' })).toEqual({ current: expect.any(String), next: expect.any(String) })
    expect(checkPassword({ current: 'the same password', next: 'the same password' })).toHaveProperty('next')
    expect(strengthOf('aaaaaaaaaaaaaaaa')).toBe('weak')
    expect(strengthOf('correct horse battery staple')).toBe('strong')
  })
})

describe('organizations in Server Admin', () => {
  const made = (change: Partial<AdminOrganization>): AdminOrganization => ({ id: 'org_1', slug: 'acme', name: 'Acme', members: 1, suspended: false, created_at: '', environments: [{ name: 'staging', state: 'ready', reason: null }], ...change })
  const all = [made({}), made({ id: 'org_2', slug: 'vela', name: 'Vela', suspended: true })]

  it('are found by name, slug and id, status and environment', () => {
    expect(filtered(all, { q: 'VEL' }, 'all').map(({ id }) => id)).toEqual(['org_2'])
    expect(filtered(all, { q: 'org_1' }, 'all')).toHaveLength(1)
    expect(filtered(all, { status: 'suspended' }, 'all').map(({ id }) => id)).toEqual(['org_2'])
    expect(filtered(all, {}, 'production')).toEqual([])
    expect(filtered(all, {}, 'staging')).toHaveLength(2)
  })
})

describe('sizes', () => {
  it('are told in powers of a thousand', () => {
    expect([0, 999, 1000, 48_234_496].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '48.2 MB'])
  })
})
