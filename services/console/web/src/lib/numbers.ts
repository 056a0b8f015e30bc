const whole = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

export const count = (value: number) => whole.format(value)
/** "1.24M" from ten thousand on. */
export const compact = (value: number) => (value < 10_000 ? whole.format(value) : short.format(value))
/** "1 key", "2 keys". */
export const counted = (value: number, one: string, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`
/** "46.0 MB", in powers of 1,000. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3))
  return step === 0 ? `${value} B` : `${(value / 1000 ** step).toFixed(1)} ${units[step]}`
}
