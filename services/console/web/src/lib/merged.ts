import { useInfiniteQuery, keepPreviousData } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Page } from './api'
import type { Environment } from './environments'
import { asFailure, type Failure } from './problem'

/** An item of a list over several environments, with where it comes from. */
export type Placed<T> = T & { environment: Environment }
type Cursors = Partial<Record<Environment, string | null>>

export interface MergedPage<T> {
  items: Placed<T>[]
  /** Where each environment goes on; an environment that has no more is absent. */
  next: Cursors
  failures: { environment: Environment; failure: Failure }[]
  totals: Partial<Record<Environment, { total: number; exact: boolean }>>
}

interface Source<T> {
  /** Names the list with all its filters; each environment is added. */
  key: readonly unknown[]
  environments: readonly Environment[]
  fetch: (environment: Environment, cursor: string | null, signal: AbortSignal) => Promise<Page<T>>
  /** The order of the list, as the API has it in each environment. */
  compare: (one: Placed<T>, other: Placed<T>) => number
  enabled?: boolean
}

/** One page from every environment that has more; one that fails is named and does not spoil the others. */
export async function mergedPage<T>(
  source: Pick<Source<T>, 'fetch'>,
  cursors: Cursors,
  signal: AbortSignal,
): Promise<MergedPage<T>> {
  const asked = Object.entries(cursors) as [Environment, string | null][]
  const answers = await Promise.allSettled(asked.map(([environment, cursor]) => source.fetch(environment, cursor, signal)))
  const page: MergedPage<T> = { items: [], next: {}, failures: [], totals: {} }
  for (const [index, answer] of answers.entries()) {
    const [environment, cursor] = asked[index]!
    if (answer.status === 'rejected') {
      if (signal.aborted) throw answer.reason
      // Where it stood: "Load more" asks again.
      if (cursor) page.next[environment] = cursor
      page.failures.push({ environment, failure: asFailure(answer.reason) })
      continue
    }
    const { items, next_cursor, total, total_is_exact } = answer.value
    page.items.push(...items.map((item) => ({ ...item, environment })))
    if (next_cursor) page.next[environment] = next_cursor
    if (total !== undefined) page.totals[environment] = { total, exact: total_is_exact !== false }
  }
  if (asked.length > 0 && page.failures.length === asked.length) throw page.failures[0]!.failure
  return page
}

/**
 * Items in order, without those that a later page could still precede: what follows the last item of an environment that has
 * more is held back until it is loaded, so that no row ever appears above one that was already shown.
 */
export function inOrder<T>(pages: MergedPage<T>[], compare: Source<T>['compare']): Placed<T>[] {
  const items = pages.flatMap((page) => page.items)
  const sorted = items.toSorted(compare)
  const last = pages.at(-1)
  if (!last) return []
  const fences = (Object.keys(last.next) as Environment[])
    .map((environment) => items.findLast((item) => item.environment === environment))
    .filter((item) => item !== undefined)
  return sorted.filter((item) => fences.every((fence) => compare(item, fence) <= 0))
}

/** A list over one or all environments with a cursor for each. */
export function useMerged<T>(source: Source<T>) {
  const { environments, compare } = source
  const query = useInfiniteQuery({
    queryKey: [...source.key, environments],
    queryFn: ({ pageParam, signal }) => mergedPage(source, pageParam, signal),
    initialPageParam: Object.fromEntries(environments.map((name) => [name, null])) as Cursors,
    getNextPageParam: (page) => (Object.keys(page.next).length > 0 ? page.next : undefined),
    placeholderData: keepPreviousData,
    enabled: source.enabled !== false && environments.length > 0,
  })
  const pages = query.data?.pages
  const items = useMemo(() => inOrder(pages ?? [], compare), [pages, compare])
  const totals = Object.values(pages?.[0]?.totals ?? {})
  return {
    ...query,
    items,
    failures: pages?.flatMap((page) => page.failures) ?? [],
    total: totals.length > 0 ? totals.reduce((sum, { total }) => sum + total, 0) : undefined,
    totalIsExact: totals.every(({ exact }) => exact),
    totals: pages?.[0]?.totals ?? {},
  }
}
export type Merged<T> = ReturnType<typeof useMerged<T>>
