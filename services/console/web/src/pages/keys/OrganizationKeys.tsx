import type { ReactNode } from 'react'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { KeyScopeProvider } from './scope'

/** Puts what is inside into the scope of the organization's keys. */
export function OrganizationKeys({ children }: { children: ReactNode }) {
  const { organization, present } = useOrganization()
  const { may, reason } = useAuthority()
  return (
    <KeyScopeProvider
      value={{ kind: 'organization', org: organization.slug, listPath: `/o/${organization.slug}/integrations/api-keys`, present, may, reason }}
    >
      {children}
    </KeyScopeProvider>
  )
}
