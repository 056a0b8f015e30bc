import type { ReactNode } from 'react'
import { environments } from '@/lib/environments'
import { useSession } from '@/session/useSession'
import { KeyScopeProvider } from '../keys/scope'

/** Puts what is inside into the scope of root keys: every environment of the installation, without limits of a role. */
export function RootKeysScope({ children }: { children: ReactNode }) {
  const { environments: installed } = useSession()
  const present = environments.filter((name) => installed.some((each) => each.name === name))
  return (
    <KeyScopeProvider value={{ kind: 'root', org: '', listPath: '/admin/root-api-keys', present, may: () => true, reason: () => undefined }}>{children}</KeyScopeProvider>
  )
}
