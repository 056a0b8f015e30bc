import { queryOptions, useSuspenseQuery } from '@tanstack/react-query'
import { controlCall } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import type { Session } from './types'

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => (await controlCall<Session>('/session', { signal })).data,
  staleTime: 60_000,
})

/** Who is signed in. The shells wait for it, so that no page has to. */
export const useSession = () => useSuspenseQuery(sessionQuery).data

/** The base URL that a request of an environment goes to. */
export const usePublicUrl = () => {
  const { environments } = useSession()
  return (environment: Environment) => environments.find(({ name }) => name === environment)?.public_url ?? ''
}
