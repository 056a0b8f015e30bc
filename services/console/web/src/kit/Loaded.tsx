import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { asFailure } from '@/lib/problem'
import { t } from '@/strings'
import { BlockError } from './BlockError'
import { ErrorPanel } from './ErrorPanel'
import { Skeleton } from './Skeleton'

interface Props<T> {
  query: UseQueryResult<T>
  /** What did not work: "The members could not be loaded". */
  failed: string
  /** A part of a page: its failure takes one line, and the rest goes on. */
  block?: boolean
  lines?: number
  children: (data: T) => ReactNode
}

/** What a query brought; a skeleton until then, the reason where it failed. Old data stays while newer is fetched. */
export function Loaded<T>({ query, failed, block, lines = 4, children }: Props<T>) {
  if (query.data !== undefined) return children(query.data)
  if (query.error) {
    const retry = () => void query.refetch()
    const failure = asFailure(query.error)
    return block ? <BlockError title={failed} failure={failure} onRetry={retry} /> : <ErrorPanel title={failed} failure={failure} onRetry={retry} />
  }
  return (
    <div className={block ? '' : 'px-4 wide:px-6'}>
      <Skeleton lines={lines} label={t.common.loading} />
    </div>
  )
}
