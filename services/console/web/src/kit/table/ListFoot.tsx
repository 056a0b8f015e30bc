import type { Merged } from '@/lib/merged'
import { count } from '@/lib/numbers'
import { t } from '@/strings'
import { Button } from '../Button'
import { Note } from '../Note'

interface Props<T> {
  list: Merged<T>
  /** "keys" */
  noun: string
}

/** Below a list: what is missing, how much is shown, and the next page. */
export function ListFoot<T>({ list, noun }: Props<T>) {
  const total = list.total === undefined ? undefined : `${count(list.total)}${list.totalIsExact ? '' : '+'}`
  return (
    <div className="sticky left-0 w-[100cqw] px-4 pt-3 pb-20 wide:px-6">
      {list.failures.map(({ environment, failure }, index) => (
        <Note key={index} kind="caution" className="mb-3" live>
          {t.common.environmentFailed(t.environment[environment])} <span className="text-muted">{failure.problem.detail}</span>
        </Note>
      ))}
      <div className="flex items-center justify-between gap-4 text-12 text-muted">
        <span role="status">
          {total !== undefined ? t.common.shownOf(list.items.length, total, noun) : `${count(list.items.length)} ${noun}`}
        </span>
        {list.hasNextPage && (
          <Button size="bar" busy={list.isFetchingNextPage && t.common.loading} onClick={() => void list.fetchNextPage()}>
            {t.common.loadMore}
          </Button>
        )}
      </div>
    </div>
  )
}
