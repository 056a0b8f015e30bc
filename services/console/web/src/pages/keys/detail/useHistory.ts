import { useInfiniteQuery } from '@tanstack/react-query'
import { organizationCall, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { useKeyScope } from '../scope'

/** One entry of an organization's action log. */
export interface Action {
  id: string
  at: string
  actor: { kind: string; id: string; name: string | null }
  action: string
  subject: string
  before: unknown
  after: unknown
  request_id: string | null
  address: string | null
}

/** Every change of a key, newest first. It outlives the key. */
export function useHistory(environment: Environment, id: string) {
  const { org } = useKeyScope()
  return useInfiniteQuery({
    queryKey: ['key', 'organization', org, environment, id, 'history'],
    queryFn: async ({ pageParam, signal }) =>
      (await organizationCall<Page<Action>>(environment, org, '/logs/actions', { query: { subject: id, cursor: pageParam }, signal })).data,
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })
}
