import { createContext, useContext } from 'react'
import type { Environment } from '@/lib/environments'

/** Whose keys a page is about: those of an organization, or root keys. The components of keys are the same for both. */
export interface KeyScope {
  kind: 'organization' | 'root'
  /** The organization's slug; nothing for root keys. */
  org: string
  /** Where the list is. */
  listPath: string
  /** The environments that a key can be made in. */
  present: Environment[]
  may: (environment: Environment, permission: string) => boolean
  /** Why an action is held back; nothing when it is not. */
  reason: (environment: Environment, permission: string) => string | undefined
}

const Context = createContext<KeyScope | null>(null)
export const KeyScopeProvider = Context.Provider

export function useKeyScope(): KeyScope {
  const scope = useContext(Context)
  if (!scope) throw new Error('a component of keys stands outside a scope')
  return scope
}
