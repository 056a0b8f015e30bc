import { describe, expect, it } from 'vitest'
import type { Policy } from '@/control/types'
import { checkInvite, emailsOf } from './invite'
import { checkLoginPage, contrastWithWhite, readLogo } from './loginPage'
import { membersWith, roleOptions, sharedRole } from './memberRoles'
import { checkPolicy, policyChange, policyValues } from './policy'
import { grantable, holds, ownAccess } from './roleTable'
import { checkSecurity, networkLines, securityBody, securityValues } from './security'

const policy: Policy = {
  default_limits: [{ name: 'requests', limit: 100, window_ms: 60_000, auto: true }, { name: 'daily', limit: 1000, window_ms: 86_400_000, auto: true }],
  limits_max: [],
  default_lifetime_seconds: null,
  lifetime_seconds_max: 31_536_000,
  must_expire: false,
  ips_required: false,
  allow_supplied_secrets: true,
  prefix: null,
  secret_bytes: null,
}

describe('the policy of an environment', () => {
  const before = policyValues(policy)

  it('sends only what was touched', () => {
    expect(policyChange(before, before, policy)).toEqual({})
    expect(policyChange(before, { ...before, must_expire: true }, policy)).toEqual({ must_expire: true })
  })
  it('keeps the limits that its form does not show', () => {
    const change = policyChange(before, { ...before, default_limit: '250' }, policy)
    expect(change.default_limits).toEqual([{ name: 'requests', limit: 250, window_ms: 60_000, auto: true }, policy.default_limits[1]])
  })
  it('says in words that a demand is lifted', () => {
    expect(policyChange({ ...before, prefix: 'acme' }, { ...before, prefix: '', max_days: '' }, policy)).toEqual({ prefix: 'none', lifetime_seconds_max: 'unlimited' })
    expect(policyChange({ ...before, max_limit: '5' }, before, policy)).toEqual({ limits_max: 'none' })
  })
  it('counts lifetimes in days', () => {
    expect(before.max_days).toBe('365')
    expect(policyChange(before, { ...before, default_days: '30' }, policy)).toEqual({ default_lifetime_seconds: 2_592_000 })
  })
  it('refuses what cannot be meant', () => {
    expect(Object.keys(checkPolicy({ ...before, default_limit: '0', max_days: '-1', prefix: 'A', secret_bytes: '31' }))).toEqual(['default_limit', 'max_days', 'prefix', 'secret_bytes'])
    expect(checkPolicy(before)).toEqual({})
  })
})

describe('security of an organization', () => {
  const values = securityValues({ second_factor_required: true, session_hours: 12, networks: ['10.0.0.0/8', '2001:db8::/32'], device_approvals: false, password_max_days: null, step_up_for_regenerate: true })

  it('comes back as it was', () => {
    expect(securityBody(values)).toEqual({ second_factor_required: true, session_hours: 12, networks: ['10.0.0.0/8', '2001:db8::/32'], device_approvals: false, password_max_days: null, step_up_for_regenerate: true })
    expect(checkSecurity(values)).toEqual({})
  })
  it('takes notes out of the list of networks', () => {
    expect(networkLines('# office\n192.0.2.1 # door\n\n')).toEqual(['192.0.2.1'])
  })
  it('names the line that is no network, and demands one', () => {
    expect(checkSecurity({ ...values, networks: '10.0.0.1\nhello' }).networks).toMatch(/Line 2/)
    expect(checkSecurity({ ...values, networks: '' }).networks).toBeDefined()
    expect(checkSecurity({ ...values, all_networks: true, networks: '' })).toEqual({})
  })
  it('keeps hours and days in bounds', () => {
    expect(Object.keys(checkSecurity({ ...values, session_hours: '0', password_max_days: '4000' }))).toEqual(['session_hours', 'password_max_days'])
  })
})

describe('invitations', () => {
  it('take addresses by line, comma and space, each once', () => {
    expect(emailsOf('a@x.example, b@x.example\n a@x.example')).toEqual(['a@x.example', 'b@x.example'])
  })
  it('name the address that is none, and demand a role', () => {
    expect(checkInvite({ emails: 'a@x.example nobody', roles: { production: 'viewer' } }).emails).toMatch(/nobody/)
    expect(checkInvite({ emails: 'a@x.example', roles: { production: null } })).toHaveProperty('roles')
    expect(checkInvite({ emails: 'a@x.example', roles: { production: 'viewer' } })).toEqual({})
  })
})

describe('roles of members', () => {
  const roles = { production: 'owner', staging: 'owner', development: 'viewer' }

  it('are one where they agree', () => {
    expect(sharedRole(roles, ['production', 'staging'])).toBe('owner')
    expect(sharedRole(roles, ['production', 'development'])).toBeUndefined()
    expect(sharedRole({}, ['production'])).toBeNull()
  })
  it('offer own roles in one environment alone', () => {
    const own = [{ id: 'role_1', name: 'Support', description: '', permissions: [], created_at: '', updated_at: '' }]
    expect(roleOptions(['production'], own, true).map(({ value }) => value)).toContain('role_1')
    expect(roleOptions(['production', 'staging'], own, true).map(({ value }) => value)).not.toContain('role_1')
  })
  it('count members in any of the environments', () => {
    const member = { id: '1', user: { id: '', email: '', name: '' }, roles, has_second_factor: true, last_seen_at: null, disabled_at: null, joined_at: '', is_self: false }
    expect(membersWith([member], 'viewer', ['production'])).toBe(0)
    expect(membersWith([member], 'viewer', ['production', 'development'])).toBe(1)
  })
})

describe('the table of roles', () => {
  const names = ['customers.read', 'customers.create', 'keys.read', 'keys.verify', 'documents.read']

  it('follows wildcards', () => {
    expect(holds(['customers.*'], 'customers.read')).toBe(true)
    expect(holds(['customers.*'], 'customersx.read')).toBe(false)
    expect(holds(['*'], 'keys.read')).toBe(true)
  })
  it('says how much of a group an own role holds', () => {
    expect(ownAccess(['customers.*'], 'customers', names)).toBe('w')
    expect(ownAccess(['customers.read'], 'customers', names)).toBe('r')
    expect(ownAccess(['customers.create'], 'customers', names)).toBe('s')
    expect(ownAccess(['keys.verify'], 'keys', names)).toBe('-')
    expect(ownAccess(['keys.verify'], 'verify', names)).toBe('w')
  })
  it('leaves out what root keys alone hold', () => {
    const group = { name: 'Organizations', permissions: [{ name: 'organizations.create', display_name: '', description: '', root_only: true }] }
    expect(grantable([group])).toEqual([])
  })
})

describe('the login page', () => {
  it('refuses a colour that white text cannot be read on', () => {
    expect(contrastWithWhite('#000000')).toBeCloseTo(21)
    expect(contrastWithWhite('#ffffff')).toBeCloseTo(1)
    expect(checkLoginPage({ text: '', accent: '#ffff00' })).toHaveProperty('accent')
    expect(checkLoginPage({ text: '', accent: '#2f5bd7' })).toEqual({})
    expect(checkLoginPage({ text: '', accent: 'blue' })).toHaveProperty('accent')
  })
  it('takes small pictures of three kinds', async () => {
    expect(await readLogo(new File(['x'], 'x.svg', { type: 'image/svg+xml' }))).toHaveProperty('error')
    expect(await readLogo(new File([new Uint8Array(70_000)], 'x.png', { type: 'image/png' }))).toHaveProperty('error')
  })
})
