/** One entry of an environment's action log, as far as lists of it read it. */
export interface Action {
  id: string
  at: string
  actor: { kind: string; id: string; name: string | null }
  /** `key.created` */
  action: string
  subject: string
  before: unknown
  after: unknown
}

/** What was done, in words: "created key", "bulk revoked key". */
export function actionWords(action: string): string {
  const [thing = '', what = ''] = action.split('.')
  return `${what} ${thing}`.replaceAll(/[_-]/g, ' ').trim()
}

const nameIn = (value: unknown): string | undefined => {
  const name = typeof value === 'object' && value !== null ? (value as { name?: unknown }).name : undefined
  return typeof name === 'string' ? name : undefined
}

/** What it was done to, by its name where the entry holds one. */
export const subjectName = ({ before, after, subject }: Pick<Action, 'before' | 'after' | 'subject'>) => nameIn(after) ?? nameIn(before) ?? subject
