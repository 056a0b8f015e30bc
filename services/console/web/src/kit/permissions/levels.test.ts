import { describe, expect, it } from 'vitest'
import { found, levelOf, withLevel } from './levels'

const permission = (name: string) => ({ name, display_name: name, description: `About ${name}`, root_only: false })
const customers = { name: 'Customers', permissions: ['customers.read', 'customers.create', 'customers.delete'].map(permission) }
const at = (...names: string[]) => levelOf(customers, new Set(names))

describe('the level of a group', () => {
  it('is none, read, write, or custom', () => {
    expect(at('domains.read')).toBe('none')
    expect(at('customers.read')).toBe('read')
    expect(at('customers.read', 'customers.create', 'customers.delete')).toBe('write')
    expect(at('customers.create')).toBe('custom')
  })

  it('changes its own permissions and no others', () => {
    expect(withLevel(['domains.read', 'customers.delete'], customers, 'read')).toEqual(['domains.read', 'customers.read'])
    expect(withLevel(['*', 'customers.delete'], customers, 'none')).toEqual(['*'])
  })
})

describe('the search', () => {
  it('finds names, words and groups', () => {
    expect(found([customers], 'delete')[0]!.permissions.map(({ name }) => name)).toEqual(['customers.delete'])
    expect(found([customers], 'CUSTOMERS')[0]!.permissions).toHaveLength(3)
    expect(found([customers], 'nothing')).toEqual([])
  })
})
