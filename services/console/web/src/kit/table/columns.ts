import type { ReactNode } from 'react'

/** One column of a list. */
export interface Column<T> {
  id: string
  header: string
  cell: (row: T) => ReactNode
  /** What the API sorts by; with it the head is a button. */
  sort?: string
  /** Names the row for screen readers; one column has it, and it cannot be hidden. */
  isRowHeader?: boolean
  /** Numbers stand at the right, unless they form a two-line cell. */
  align?: 'right'
  /** Hidden until chosen. */
  optional?: boolean
  /** Not offered in the chooser: always there, or decided by the page. */
  fixed?: boolean
  /** More about the column, as a tooltip of its head. */
  note?: string
  /** A class for the width of its cells. */
  width?: string
  /** The width of the bar that stands for it while loading. */
  bar?: string
}
