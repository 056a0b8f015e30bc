import { clsx } from 'clsx'
import { memo, type MouseEvent, type ReactNode } from 'react'
import { t } from '@/strings'
import { Checkbox } from '../Checkbox'
import type { Column } from './columns'

interface CellsProps<T> {
  row: T
  columns: Column<T>[]
  isSelectable: boolean
  actions: ((row: T) => ReactNode) | undefined
}

interface Props<T> extends CellsProps<T> {
  id: string
  name: string
  isSelected: boolean
  onSelect: (id: string, checked: boolean) => void
  onOpen: ((row: T) => void) | undefined
}

/** Whether a press was meant for something inside the row, or for a layer that the row opened. */
const isForChild = ({ target, currentTarget }: MouseEvent) =>
  !currentTarget.contains(target as Element) || (target as Element).closest('a, button, input, label, [role="checkbox"]') !== null

const ground = 'border-b border-line bg-panel group-hover:bg-hover group-aria-selected:bg-selected'

function Row<T>({ row, id, name, columns, isSelectable, isSelected, onSelect, onOpen, actions }: Props<T>) {
  return (
    <tr
      data-row=""
      tabIndex={-1}
      aria-selected={isSelectable ? isSelected : undefined}
      className={clsx('group h-[var(--row,var(--size-row))] -outline-offset-2', onOpen && 'cursor-pointer')}
      onClick={(event) => {
        if (!isForChild(event) && getSelection()?.isCollapsed !== false) onOpen?.(row)
      }}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return
        if (event.key === 'Enter') onOpen?.(row)
        if (isSelectable && (event.key === 'x' || event.key === ' ')) {
          event.preventDefault()
          onSelect(id, !isSelected)
        }
      }}
    >
      {isSelectable && (
        <td className={clsx('sticky left-0 z-10 pl-4 wide:pl-6', ground)}>
          <Checkbox name={t.common.selectRow(name)} checked={isSelected} onChange={(checked) => onSelect(id, checked)} />
        </td>
      )}
      <MemoCells row={row} columns={columns} isSelectable={isSelectable} actions={actions} />
    </tr>
  )
}

function Cells<T>({ row, columns, isSelectable, actions }: CellsProps<T>) {
  return (
    <>
      {columns.map((column, index) => {
        const look = clsx(
          ground,
          'py-1 pr-3 font-normal whitespace-nowrap last:pr-4 wide:last:pr-6',
          column.align === 'right' ? 'text-right' : 'text-left',
          index === 0 && clsx('sticky z-10', isSelectable ? 'left-10 pl-1.5' : 'left-0 pl-4 wide:pl-6'),
          column.width,
        )
        return column.isRowHeader ? (
          <th key={column.id} scope="row" className={look}>
            {column.cell(row)}
          </th>
        ) : (
          <td key={column.id} className={look}>
            {column.cell(row)}
          </td>
        )
      })}
      {actions && <td className={clsx(ground, 'pr-4 text-right whitespace-nowrap wide:pr-5')}>{actions(row)}</td>}
    </>
  )
}

// A row is drawn anew when something of it changes, and its cells only when the row itself or the columns do: a page of a long
// list, or a tick in it, costs as much as in a short one.
const MemoCells = memo(Cells) as typeof Cells
export const TableRow = memo(Row) as typeof Row
