import type { ReactNode } from 'react'

interface Props<T> {
  label: string
  rows: T[]
  rowId: (row: T) => string
  card: (row: T) => ReactNode
  actions?: (row: T) => ReactNode
  isDimmed?: boolean
}

/** The rows of a table where there is no room for one. */
export function CardList<T>({ label, rows, rowId, card, actions, isDimmed }: Props<T>) {
  return (
    <ul aria-label={label} className={isDimmed ? 'opacity-60' : undefined}>
      {rows.map((row) => (
        <li key={rowId(row)} data-row="" tabIndex={-1} className="flex items-start gap-2 border-b border-line px-4 py-3 text-14">
          <div className="min-w-0 flex-1">{card(row)}</div>
          {actions && <div className="-mr-2">{actions(row)}</div>}
        </li>
      ))}
    </ul>
  )
}
