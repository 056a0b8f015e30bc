import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Environment } from '@/lib/environments'
import { t } from '@/strings'
import { permissionGroups } from './api'
import { useKeyScope } from './scope'

/** The permissions that a key of an environment can hold, in groups. */
export function usePermissionGroups(environment: Environment | undefined) {
  const { kind, org } = useKeyScope()
  return useQuery({
    queryKey: ['permissions', kind, org, environment],
    queryFn: ({ signal }) => permissionGroups({ kind, org }, environment!, t.keyForm.other, signal),
    enabled: environment !== undefined,
    staleTime: 300_000,
  })
}

/** What people call each permission; names stand for themselves until it is known. */
export function usePermissionTitles(environment: Environment | undefined): Map<string, string> {
  const { data } = usePermissionGroups(environment)
  return useMemo(
    () => new Map((data ?? []).flatMap((group) => group.permissions.map(({ name, display_name }) => [name, display_name] as const))),
    [data],
  )
}
