/** The query of an address as plain texts: nothing in it is guessed to be a number or a list. */
export const parseSearch = (text: string): Record<string, string> => Object.fromEntries(new URLSearchParams(text))

export function stringifySearch(search: Record<string, unknown>): string {
  const pairs = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== '')
  if (pairs.length === 0) return ''
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`
}

/** The members of a search that a page knows, as texts. */
export function known<K extends string>(...names: K[]) {
  return (search: Record<string, unknown>): Partial<Record<K, string>> =>
    Object.fromEntries(
      Object.entries(search)
        .filter(([name, value]) => names.includes(name as K) && value !== undefined && value !== '')
        .map(([name, value]) => [name, String(value)]),
    ) as Partial<Record<K, string>>
}
