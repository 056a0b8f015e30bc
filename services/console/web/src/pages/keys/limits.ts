import type { Limit } from '@/client/types.gen'
import { count } from '@/lib/numbers'

export const windows = [
  { value: '1000', label: '1 second' },
  { value: '60000', label: '1 minute' },
  { value: '3600000', label: '1 hour' },
  { value: '86400000', label: '1 day' },
]

/** "60 s", "1 h": as short as it stays exact. */
export function windowText(milliseconds: number): string {
  const units: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [1000, 's'],
  ]
  const [size, unit] = units.find(([each]) => milliseconds % each === 0) ?? [1, 'ms']
  return `${count(milliseconds / size)} ${unit}`
}

export const limitText = (limit: Pick<Limit, 'limit' | 'window_ms'>) => `${count(limit.limit)} per ${windowText(limit.window_ms)}`

/** The limit that lets through the fewest requests over an hour; those counted only when asked for are no limit of requests. */
export function tightest<T extends Pick<Limit, 'limit' | 'window_ms' | 'auto'>>(limits: T[]): T | undefined {
  // A window longer than the hour may be spent in it whole.
  const overHour = ({ limit, window_ms }: T) => limit * Math.max(1, 3_600_000 / window_ms)
  return limits.filter(({ auto }) => auto !== false).toSorted((one, other) => overHour(one) - overHour(other))[0]
}
