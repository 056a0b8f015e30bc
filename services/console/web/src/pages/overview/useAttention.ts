import { useQueries, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Key } from '@/client/types.gen'
import { memberDevicesQuery, membersQuery, provisioningsQuery } from '@/control/queries'
import { organizationCall, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import type { Placed } from '@/lib/merged'
import { asFailure, type Failure } from '@/lib/problem'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { expiring, expiringDays, idle, idleDays, inDays } from './attention'

interface Looked {
  expiring: Placed<Key>[]
  idle: Placed<Key>[]
}

/** Everything on this page that may need somebody. One source that fails is named, and the others count. */
export function useAttention(environments: Environment[]) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { isManager } = useIsManager()
  const now = useMemo(() => new Date(), [])
  const looked = useQueries({
    queries: environments.map((environment) => ({
      queryKey: ['keys', org, environment, 'attention'],
      queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Looked> => {
        const ask = async (query: Record<string, string | number>) =>
          (await organizationCall<Page<Key>>(environment, org, '/keys', { query: { status: 'active', limit: 200, ...query }, signal })).data.items.map((key) => ({ ...key, environment }))
        const [soon, unused] = await Promise.all([
          ask({ expires_before: inDays(now, expiringDays), sort: 'expires_at' }),
          ask({ unused_since: inDays(now, -idleDays) }),
        ])
        return { expiring: soon, idle: idle(unused, now) }
      },
      staleTime: 60_000,
    })),
  })
  const members = useQuery(membersQuery(org))
  const devices = useQuery({ ...memberDevicesQuery(org), enabled: isManager })
  const provisionings = useQuery({ ...provisioningsQuery(org), enabled: isManager })
  const failures = looked.flatMap((query, index): { environment: Environment; failure: Failure; retry: () => void }[] =>
    query.error ? [{ environment: environments[index]!, failure: asFailure(query.error), retry: () => void query.refetch() }] : [],
  )
  return {
    now,
    isPending: looked.some(({ isPending }) => isPending),
    failures,
    expiring: expiring(looked.flatMap(({ data }) => data?.expiring ?? []), 5),
    idle: looked.flatMap(({ data }) => data?.idle ?? []),
    without: members.data?.filter(({ has_second_factor }) => !has_second_factor) ?? [],
    waiting: devices.data?.filter(({ state }) => state === 'pending') ?? [],
    failed: provisionings.data?.filter(({ state }) => state === 'failed') ?? [],
    needsFactor: organization.needs_second_factor,
  }
}
