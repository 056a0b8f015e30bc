import { t } from '@/strings'

export interface IpLine {
  /** Counted from 1. */
  line: number
  /** As it is sent. */
  value?: string
  error?: string
  /** Said when a network was written with bits beyond its prefix. */
  notice?: string
}

/** The addresses and networks of a text, one per line; `#` begins a comment. */
export function parseIps(text: string): IpLine[] {
  return text
    .split('\n')
    .map((raw, index) => ({ line: index + 1, content: raw.replace(/#.*$/, '').trim() }))
    .filter(({ content }) => content !== '')
    .map(({ line, content }) => parseLine(line, content))
}

function parseLine(line: number, content: string): IpLine {
  const [address = '', prefix, ...rest] = content.split('/')
  const fail = (what: string): IpLine => ({ line, error: t.keyForm.ipLine(line, what) })
  if (rest.length > 0) return fail(`${content} has two slashes.`)
  const isSix = address.includes(':')
  const parsed = isSix ? parseSix(address) : parseFour(address)
  if (typeof parsed === 'string') return fail(parsed)
  const bits = isSix ? 128 : 32
  if (prefix === undefined) return { line, value: address }
  const length = Number(prefix)
  if (!/^\d{1,3}$/.test(prefix) || length > bits) return fail(`/${prefix} is not a prefix from 0 to ${bits}.`)
  const network = masked(parsed, length, bits)
  if (network === parsed) return { line, value: content }
  const value = `${isSix ? formatSix(network) : formatFour(network)}/${length}`
  return { line, value, notice: t.keyForm.ipsNormalised(line, content, value) }
}

const masked = (address: bigint, length: number, bits: number) => {
  const host = BigInt(bits - length)
  return (address >> host) << host
}

/** The address as a number, or what is wrong with it. */
function parseFour(text: string): bigint | string {
  const parts = text.split('.')
  if (parts.length !== 4) return `${text} is not an address.`
  let value = 0n
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part)) return `${text} is not an address.`
    if (Number(part) > 255) return `${part} is not a number from 0 to 255.`
    value = value * 256n + BigInt(part)
  }
  return value
}

function parseSix(text: string): bigint | string {
  const wrong = `${text} is not an IPv6 address.`
  const halves = text.split('::')
  if (halves.length > 2) return wrong
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')))
  const known = groups.flat()
  if (known.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return wrong
  const missing = 8 - known.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return wrong
  const all = [...groups[0]!, ...Array.from({ length: halves.length === 2 ? missing : 0 }, () => '0'), ...(groups[1] ?? [])]
  return all.reduce((value, group) => value * 65536n + BigInt(`0x${group}`), 0n)
}

const formatFour = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.')

function formatSix(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(16 * (7 - index))) & 65535n).toString(16)).join(':')
  // The longest run of zeros is left out, as people write it.
  const runs = groups.match(/(?:^|:)0(?::0)+(?=:|$)/g) ?? []
  const longest = runs.toSorted((one, other) => other.length - one.length)[0]
  return longest ? groups.replace(longest, ':').replace(/^:(?!:)/, '::').replace(/:$/, '::').replace(/:{3,}/, '::') : groups
}

/** Whether a list restricts nothing. */
export const isOpen = (lines: IpLine[]) => lines.some(({ value }) => value === '0.0.0.0/0' || value === '::/0')
