import { ArrowDown, ArrowUp } from 'lucide-react'
import { clsx } from 'clsx'
import { Tooltip } from '../Tooltip'
import type { Column } from './columns'
import type { Sorting } from './DataTable'

interface Props<T> {
  column: Column<T>
  sorting: Sorting | undefined
  isFirst: boolean
  isSelectable: boolean
}

/** The head of a column; a button where the list can be sorted by it. */
export function HeadCell<T>({ column, sorting, isFirst, isSelectable }: Props<T>) {
  const isSorted = sorting && column.sort && sorting.value.replace('-', '') === column.sort
  const isDescending = sorting?.value.startsWith('-')
  const label = (
    <span className={clsx('text-12 font-medium whitespace-nowrap', isSorted ? 'text-ink' : 'text-muted')}>{column.header}</span>
  )
  const head =
    column.sort && sorting ? (
      <button
        type="button"
        className="inline-flex h-8 items-center gap-1 rounded-badge"
        onClick={() => sorting.onChange(isSorted && isDescending ? column.sort! : `-${column.sort}`)}
      >
        {label}
        {isSorted && (isDescending ? <ArrowDown aria-hidden className="size-3.5" /> : <ArrowUp aria-hidden className="size-3.5" />)}
      </button>
    ) : (
      label
    )
  return (
    <th
      scope="col"
      aria-sort={isSorted ? (isDescending ? 'descending' : 'ascending') : undefined}
      className={clsx(
        'sticky top-0 h-8 border-b border-line-strong bg-panel pr-3',
        column.align === 'right' ? 'text-right' : 'text-left',
        isFirst ? clsx('z-20', isSelectable ? 'left-10 pl-1.5' : 'left-0 pl-4 wide:pl-6') : 'z-10',
        'last:pr-4 wide:last:pr-6',
        column.width,
      )}
    >
      {column.note ? <Tooltip content={column.note}>{column.sort ? head : <span tabIndex={0}>{head}</span>}</Tooltip> : head}
    </th>
  )
}
