const whole = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

export const count = (value: number) => whole.format(value)
/** "1.24M" from ten thousand on. */
export const compact = (value: number) => (value < 10_000 ? whole.format(value) : short.format(value))
/** "1 key", "2 keys". */
export const counted = (value: number, one: string, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`
