import { queryOptions } from '@tanstack/react-query'
import type { Customer } from '@/client/types.gen'
import { organizationCall, path } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import type { Placed } from '@/lib/merged'

/** One customer with the version that a change of it names. */
export const customerQuery = (environment: Environment, org: string, id: string) =>
  queryOptions({
    queryKey: ['customer', environment, org, id],
    queryFn: ({ signal }) => organizationCall<Customer>(environment, org, path('customers', id), { signal }),
  })

/** Newest first, as the API lists them. */
export const newestFirst = (one: Placed<{ id: string; created_at: string }>, other: Placed<{ id: string; created_at: string }>) =>
  other.created_at.localeCompare(one.created_at) || other.id.localeCompare(one.id)

/** What a change of a customer touches. */
export const customerLists = (org: string) => [['customers', org], ['customer']]
