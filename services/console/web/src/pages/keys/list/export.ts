import { downloadText } from '@/lib/clipboard'
import type { Environment } from '@/lib/environments'
import type { Call } from '@/lib/http'
import { listKeys, type PlacedKey } from '../api'
import { limitText } from '../limits'

type Where = Parameters<typeof listKeys>[0]

/** Every key that the filters let through, page by page. */
export async function allKeys(where: Where, environments: readonly Environment[], query: Call['query']): Promise<PlacedKey[]> {
  const found: PlacedKey[] = []
  for (const environment of environments) {
    let cursor: string | null = null
    do {
      const page = await listKeys(where, environment, { query: { ...query, limit: 200, cursor } })
      found.push(...page.items.map((key) => ({ ...key, environment })))
      cursor = page.next_cursor
    } while (cursor)
  }
  return found
}

const list = (value: 'all' | string[]) => (value === 'all' ? 'all' : value.join(' '))

const columns: [string, (key: PlacedKey) => string][] = [
  ['id', (key) => key.id],
  ['name', (key) => key.name],
  ['hint', (key) => key.hint],
  ['environment', (key) => key.environment],
  ['status', (key) => key.status],
  ['permissions', (key) => key.permissions.join(' ')],
  ['domains', (key) => list(key.domains)],
  ['customers', (key) => list(key.customers)],
  ['ips', (key) => list(key.ips)],
  ['limits', (key) => key.limits.map((limit) => `${limit.name}: ${limitText(limit)}`).join('; ')],
  ['last_used_at', (key) => key.last_used_at ?? ''],
  ['last_used_ip', (key) => key.last_used_ip ?? ''],
  ['not_before', (key) => key.not_before ?? ''],
  ['expires_at', (key) => key.expires_at ?? ''],
  ['created_at', (key) => key.created_at],
  ['created_by', (key) => key.created_by],
  ['tags', (key) => key.tags.join(' ')],
]

/** A cell of CSV. What a spreadsheet would run as a formula is led by an apostrophe. */
export function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export const asCsv = (keys: PlacedKey[]): string =>
  [columns.map(([name]) => name), ...keys.map((key) => columns.map(([, value]) => csvCell(value(key))))]
    .map((cells) => `${cells.join(',')}\r\n`)
    .join('')

export const asLines = (keys: PlacedKey[]): string => keys.map((key) => `${JSON.stringify(key)}\n`).join('')

export function saveKeys(keys: PlacedKey[], form: 'csv' | 'ndjson') {
  const [text, type] = form === 'csv' ? [asCsv(keys), 'text/csv'] : [asLines(keys), 'application/x-ndjson']
  downloadText(`api-keys.${form}`, text, type)
}
