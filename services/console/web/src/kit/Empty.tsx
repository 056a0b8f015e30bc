import type { ReactNode } from 'react'

interface Props {
  title: ReactNode
  /** What it is, or what would be here. */
  children?: ReactNode
  /** One primary action and one link. */
  actions?: ReactNode
  /** Something to copy. */
  below?: ReactNode
}

/** A page or block that has nothing to show. */
export function Empty({ title, children, actions, below }: Props) {
  return (
    <div className="mx-auto w-140 max-w-full px-4 py-12">
      <h2 className="flex flex-wrap items-center gap-2 text-16 font-semibold">{title}</h2>
      {children && <div className="mt-1 text-14 text-muted">{children}</div>}
      {actions && <div className="mt-4 flex flex-wrap items-center gap-4">{actions}</div>}
      {below && <div className="mt-6">{below}</div>}
    </div>
  )
}
