import type { Limit } from '@/client/types.gen'
import { count } from './numbers'

const units: [milliseconds: number, short: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
]

/** "60 s", "1 d": the largest unit that divides it, but for a minute, which people count in seconds. */
export function windowText(milliseconds: number): string {
  if (milliseconds === 60_000) return '60 s'
  const [size, short] = units.find(([size]) => milliseconds % size === 0) ?? [1, 'ms']
  return `${count(milliseconds / size)} ${short}`
}

/** "100 per 60 s", one for each limit. */
export const limitTexts = (limits: Limit[]) => limits.map(({ limit, window_ms }) => `${count(limit)} per ${windowText(window_ms)}`)
