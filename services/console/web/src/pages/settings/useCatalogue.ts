import { useQuery } from '@tanstack/react-query'
import type { Environment } from '@/lib/environments'
import { permissionGroups } from '@/pages/keys/api'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'

/** The permissions that roles and keys of an environment can hold, in groups. */
export function useCatalogue(environment: Environment | undefined) {
  const { organization } = useOrganization()
  const org = organization.slug
  return useQuery({
    queryKey: ['permissions', 'organization', org, environment],
    queryFn: ({ signal }) => permissionGroups({ kind: 'organization', org }, environment!, t.keyForm.other, signal),
    enabled: environment !== undefined,
    staleTime: 300_000,
  })
}
