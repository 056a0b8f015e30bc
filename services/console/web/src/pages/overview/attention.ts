import type { Key } from '@/client/types.gen'
import type { Placed } from '@/lib/merged'

export const expiringDays = 14
export const idleDays = 90
const day = 86_400_000

/** The keys that end soon, the first first, and how many there are beside those shown. */
export function expiring(keys: Placed<Key>[], most: number): { shown: Placed<Key>[]; more: number } {
  const sorted = keys.toSorted((one, other) => (one.expires_at ?? '').localeCompare(other.expires_at ?? ''))
  return { shown: sorted.slice(0, most), more: Math.max(0, sorted.length - most) }
}

/** Keys that nobody has used for so long: a key that is younger than that is not idle, whether it was used or not. */
export const idle = (keys: Placed<Key>[], now: Date) => keys.filter(({ created_at }) => now.getTime() - Date.parse(created_at) >= idleDays * day)

export const inDays = (now: Date, days: number) => new Date(now.getTime() + days * day).toISOString()

/** How serious the end of a key is: within three days it is. */
export const isUrgent = (expiresAt: string, now: Date) => Date.parse(expiresAt) - now.getTime() < 3 * day
