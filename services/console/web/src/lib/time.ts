const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** What relative words are counted in, and until when. */
const steps: [limit: number, unit: number, short: string][] = [
  [minute, second, 's'],
  [hour, minute, 'min'],
  [day, hour, 'h'],
  [60 * day, day, 'd'],
  [730 * day, 30.44 * day, 'mo'],
  [Infinity, 365.25 * day, 'y'],
]

/** "2 min ago", "in 3 d", "now". Rounds down, so that nothing is called later than it is. */
export function relative(at: Date, now: Date): string {
  const distance = at.getTime() - now.getTime()
  const size = Math.abs(distance)
  if (size < second) return 'now'
  const [, unit, short] = steps.find(([limit]) => size < limit)!
  const text = `${Math.floor(size / unit)} ${short}`
  return distance < 0 ? `${text} ago` : `in ${text}`
}

const language = 'en-GB'
const formats = {
  date: new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric' }),
  dayMonth: new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' }),
  time: new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' }),
  seconds: new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
  zone: new Intl.DateTimeFormat(language, { timeZoneName: 'short', hour: 'numeric' }),
  utcDate: new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' }),
  utcTime: new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' }),
  utcSeconds: new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: 'UTC' }),
}

/** The name of the browser's zone at an instant: "CET". */
export const zoneOf = (at: Date) => formats.zone.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? ''
export const dateOf = (at: Date) => formats.date.format(at)
export const timeOf = (at: Date) => formats.time.format(at)
/** "19 Nov 2026, 09:12 CET". */
export const dateTimeOf = (at: Date) => `${formats.date.format(at)}, ${formats.time.format(at)} ${zoneOf(at)}`
export const dateTimeSecondsOf = (at: Date) => `${formats.date.format(at)}, ${formats.seconds.format(at)} ${zoneOf(at)}`
export const utcOf = (at: Date) => `${formats.utcSeconds.format(at)} UTC`

/** "22 Nov, 09:00" in this year, "1 Jul 2027" otherwise: what stands below a relative time. */
export const briefDate = (at: Date, now: Date) =>
  at.getFullYear() === now.getFullYear() ? `${formats.dayMonth.format(at)}, ${formats.time.format(at)}` : formats.date.format(at)

/** Both zones and the distance: "20 Dec 2026, 09:00 CET (08:00 UTC), in 29 d". */
export function spelledOut(at: Date, now: Date): string {
  const other = formats.dayMonth.format(at) === formats.utcDate.format(at) ? '' : `${formats.utcDate.format(at)}, `
  return `${dateTimeOf(at)} (${other}${formats.utcTime.format(at)} UTC), ${relative(at, now)}`
}

const pad = (value: number) => String(value).padStart(2, '0')

/** The value of a `datetime-local` field for an instant, in the browser's zone. */
export const toLocalField = (at: Date) =>
  `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`

/** The instant of a `datetime-local` field, or `null` when it holds none. */
export function fromLocalField(text: string): Date | null {
  const at = new Date(text)
  return text === '' || Number.isNaN(at.getTime()) ? null : at
}

export const days = (count: number) => count * day
