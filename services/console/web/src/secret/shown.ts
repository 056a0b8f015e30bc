import { held } from '@/lib/emitter'
import type { Environment } from '@/lib/environments'

export interface ShownSecret {
  name: string
  environment: Environment
  secret: string
  /** How the secret came to be: decides the words above it. */
  made: 'created' | 'regenerated'
  /** The base URL of the example. */
  url: string
  onClosed?: (() => void) | undefined
}

/**
 * The secret on screen: the only place where one is kept, and only while its dialog is open. It lives above pages and lists,
 * so that no reload of theirs takes it away.
 */
export const shownSecret = held<ShownSecret | null>(null)

export const showSecret = (secret: ShownSecret) => shownSecret.set(secret)
