import type { ReactNode } from 'react'

interface Props {
  /** Title and filters: they stay while a wide table scrolls sideways below them. */
  head: ReactNode
  children: ReactNode
}

/** A page whose table runs edge to edge. */
export function TablePage({ head, children }: Props) {
  return (
    <div className="w-min min-w-full">
      <div className="sticky left-0 w-[100cqw]">{head}</div>
      {children}
    </div>
  )
}
