import { rowSelectionFeature, tableFeatures, useTable, type ColumnDef } from '@tanstack/react-table'
import { useCallback, useEffect, useMemo, useRef, type ReactNode } from 'react'
import { t } from '@/strings'
import { useIsWide } from '../useIsWide'
import { useIsLate } from '../Skeleton'
import type { Column } from './columns'
import { CardList } from './CardList'
import { HeadCell } from './HeadCell'
import { LoadingRows } from './LoadingRows'
import { TableRow } from './TableRow'
import { Checkbox } from '../Checkbox'

export interface Selection {
  ids: ReadonlySet<string>
  onChange: (ids: ReadonlySet<string>) => void
}

export interface Sorting {
  /** As the API takes it: `name`, `-last_used_at`. */
  value: string
  onChange: (value: string) => void
}

interface Props<T> {
  /** Says what the list is. */
  label: string
  columns: Column<T>[]
  rows: T[]
  rowId: (row: T) => string
  rowName: (row: T) => string
  selection?: Selection | undefined
  sorting?: Sorting
  onOpen?: (row: T) => void
  /** The last cell: what can be done with the row. */
  actions?: (row: T) => ReactNode
  /** A row where there is no room for a table. */
  card: (row: T) => ReactNode
  isLoading?: boolean
  /** Old data while something newer is on its way, or cannot be had. */
  isDimmed?: boolean
}

const features = tableFeatures({ rowSelectionFeature })
/** The table knows rows and selection; cells are drawn from the page's own columns. */
const noColumns: unknown[] = []

/** A list as a real table; under 900 px as a list. Paging, filters and order are the server's. */
export function DataTable<T>(props: Props<T>) {
  const isWide = useIsWide()
  const isLate = useIsLate(Boolean(props.isLoading))
  if (props.isLoading) return isLate ? <LoadingRows columns={props.columns} label={props.label} /> : null
  return isWide ? <WideTable {...props} /> : <CardList {...props} />
}

function WideTable<T>(props: Props<T>) {
  const { columns, rows, rowId, rowName, selection, sorting, actions } = props
  const data = useMemo(() => rows.map((row) => ({ row })), [rows])
  const rowSelection: Record<string, true> = Object.fromEntries([...(selection?.ids ?? [])].map((id) => [id, true as const]))
  const table = useTable({
    features,
    columns: noColumns as ColumnDef<typeof features, { row: T }>[],
    data,
    getRowId: ({ row }) => rowId(row),
    state: { rowSelection },
    onRowSelectionChange: (change) => {
      const next = typeof change === 'function' ? change(rowSelection) : change
      selection?.onChange(new Set(Object.keys(next)))
    },
  })
  // Rows keep the function that they were drawn with, and this leads on to what holds now.
  const latest = useRef(table)
  useEffect(() => {
    latest.current = table
  })
  const select = useCallback((id: string, checked: boolean) => latest.current.getRow(id).toggleSelected(checked), [])
  return (
    <table aria-label={props.label} className="w-full border-separate border-spacing-0 text-13">
      <thead>
        <tr>
          {selection && (
            <th scope="col" className="sticky top-0 left-0 z-20 w-10 border-b border-line-strong bg-panel pl-4 wide:pl-6">
              <Checkbox
                name={t.common.selectAll}
                checked={rows.length > 0 && table.getIsAllRowsSelected()}
                mixed={table.getIsSomeRowsSelected()}
                onChange={(checked) => table.toggleAllRowsSelected(checked)}
              />
            </th>
          )}
          {columns.map((column, index) => (
            <HeadCell key={column.id} column={column} sorting={sorting} isFirst={index === 0} isSelectable={Boolean(selection)} />
          ))}
          {actions && (
            <th scope="col" className="sticky top-0 z-10 border-b border-line-strong bg-panel pr-4 text-right text-12 font-medium text-muted wide:pr-6">
              {t.common.actions}
            </th>
          )}
        </tr>
      </thead>
      <tbody className={props.isDimmed ? 'opacity-60' : undefined}>
        {table.getRowModel().rows.map(({ id, original }) => (
          <TableRow
            key={id}
            id={id}
            row={original.row}
            name={rowName(original.row)}
            columns={columns}
            isSelectable={Boolean(selection)}
            isSelected={selection?.ids.has(id) ?? false}
            onSelect={select}
            onOpen={props.onOpen}
            actions={actions}
          />
        ))}
      </tbody>
    </table>
  )
}
