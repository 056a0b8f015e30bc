import { describe, expect, it } from 'vitest'
import { exampleKey } from '@/test/keys'
import { keyOrder } from './order'

const keys = [
  { ...exampleKey, id: 'a', name: 'B', created_at: '2026-01-01T00:00:00Z', expires_at: null, last_used_at: null },
  { ...exampleKey, id: 'b', name: 'A', created_at: '2026-01-02T00:00:00Z', expires_at: '2027-01-01T00:00:00Z', last_used_at: '2026-11-19T13:30:05Z' },
  { ...exampleKey, id: 'c', name: 'C', created_at: '2026-01-03T00:00:00Z', expires_at: '2026-12-01T00:00:00Z', last_used_at: '2026-11-19T13:30:59Z' },
]
const sorted = (sort: string) => keys.toSorted(keyOrder(sort)).map(({ id }) => id).join('')

describe('the order of keys', () => {
  it.each([
    ['-created_at', 'cba'],
    ['created_at', 'abc'],
    ['name', 'bac'],
    ['expires_at', 'cba'],
    ['-expires_at', 'abc'],
    // Within one minute the id decides.
    ['last_used_at', 'abc'],
    ['-last_used_at', 'cba'],
  ])('by %s is %s', (sort, ids) => expect(sorted(sort)).toBe(ids))
})
