import type { PlacedKey } from './api'

/** How the API orders keys, for putting the lists of several environments together. */
export function keyOrder(sort: string): (one: PlacedKey, other: PlacedKey) => number {
  const field = sort.replace('-', '')
  const direction = sort.startsWith('-') ? -1 : 1
  return (one, other) => direction * compare(rank(one, field), rank(other, field)) || direction * compare(one.id, other.id)
}

/** What stands for nothing: a key without an end comes behind all ends, one that was never used before all uses. */
function rank(key: PlacedKey, field: string): string {
  switch (field) {
    case 'name':
      return key.name
    case 'expires_at':
      return key.expires_at ?? '￿'
    case 'last_used_at':
      // The API counts to the minute.
      return key.last_used_at?.slice(0, 16) ?? ''
    default:
      return key.created_at
  }
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
