import { describe, expect, it } from 'vitest'
import { lacks } from './roles'

describe('the table of roles', () => {
  it.each([
    ['owner', 'keys.delete', false],
    ['viewer', 'keys.read', false],
    ['viewer', 'keys.create', true],
    ['viewer', 'keys.verify', true],
    ['developer', 'keys.verify', false],
    ['developer', 'customers.create', true],
    ['auditor', 'logs.export', false],
    ['viewer', 'logs.export', true],
    ['admin', 'organizations.update', true],
    ['admin', 'documents.read', false],
    ['developer', 'documents.read', true],
  ])('%s and %s', (role, permission, missing) => expect(lacks(role, permission)).toBe(missing))

  it('offers everything to an own role, and nothing without one', () => {
    expect(lacks('role_1', 'keys.delete')).toBe(false)
    expect(lacks(null, 'keys.read')).toBe(true)
  })
})
