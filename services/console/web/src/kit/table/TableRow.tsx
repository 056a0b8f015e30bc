import { clsx } from 'clsx'
import type { MouseEvent, ReactNode } from 'react'
import { t } from '@/strings'
import { Checkbox } from '../Checkbox'
import type { Column } from './columns'

interface Props {
  name: string
  isSelected: boolean
  onSelect: ((checked: boolean) => void) | undefined
  onOpen: (() => void) | undefined
  cells: { column: Column<unknown>; content: ReactNode }[]
  actions: ReactNode
}

/** Whether a press was meant for something inside the row, or for a layer that the row opened. */
const isForChild = ({ target, currentTarget }: MouseEvent) =>
  !currentTarget.contains(target as Element) || (target as Element).closest('a, button, input, label, [role="checkbox"]') !== null

export function TableRow({ name, isSelected, onSelect, onOpen, cells, actions }: Props) {
  const ground = clsx('border-b border-line', isSelected ? 'bg-selected' : 'bg-panel group-hover:bg-hover')
  return (
    <tr
      data-row=""
      tabIndex={-1}
      aria-selected={onSelect ? isSelected : undefined}
      className="group h-[var(--row,var(--size-row))] -outline-offset-2"
      onClick={(event) => {
        if (!isForChild(event) && getSelection()?.isCollapsed !== false) onOpen?.()
      }}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return
        if (event.key === 'Enter') onOpen?.()
        if (event.key === 'x' || event.key === ' ') {
          event.preventDefault()
          onSelect?.(!isSelected)
        }
      }}
    >
      {onSelect && (
        <td className={clsx('sticky left-0 z-10 pl-4 wide:pl-6', ground)}>
          <Checkbox name={t.common.selectRow(name)} checked={isSelected} onChange={onSelect} />
        </td>
      )}
      {cells.map(({ column, content }, index) => {
        const isFirst = index === 0
        const look = clsx(
          ground,
          'py-1 pr-3 font-normal whitespace-nowrap last:pr-4 wide:last:pr-6',
          column.align === 'right' ? 'text-right' : 'text-left',
          isFirst && clsx('sticky z-10', onSelect ? 'left-10 pl-1.5' : 'left-0 pl-4 wide:pl-6'),
          onOpen && 'cursor-pointer',
          column.width,
        )
        return column.isRowHeader ? (
          <th key={column.id} scope="row" className={look}>
            {content}
          </th>
        ) : (
          <td key={column.id} className={look}>
            {content}
          </td>
        )
      })}
      {actions !== undefined && <td className={clsx(ground, 'pr-4 text-right whitespace-nowrap wide:pr-5')}>{actions}</td>}
    </tr>
  )
}
