/** The object that a text describes; `null` when it describes none. An empty text is an empty object. */
export function jsonObject(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** An object as one types it; nothing for an empty one. */
export const jsonText = (value: object) => (Object.keys(value).length === 0 ? '' : JSON.stringify(value, null, 2))
