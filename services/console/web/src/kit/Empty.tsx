import type { ReactNode } from 'react'

interface Props {
  title: ReactNode
  /** The page has no other heading. */
  isPage?: boolean
  /** What it is, or what would be here. */
  children?: ReactNode
  /** One primary action and one link. */
  actions?: ReactNode
  /** Something to copy. */
  below?: ReactNode
}

/** A page or block that has nothing to show. */
export function Empty({ title, isPage, children, actions, below }: Props) {
  const Heading = isPage ? 'h1' : 'h2'
  return (
    <div className="mx-auto w-140 max-w-[100cqw] px-4 py-12">
      <Heading className="flex flex-wrap items-center gap-2 text-16 font-semibold">{title}</Heading>
      {children && <div className="mt-1 text-14 text-muted">{children}</div>}
      {actions && <div className="mt-4 flex flex-wrap items-center gap-4">{actions}</div>}
      {below && <div className="mt-6">{below}</div>}
    </div>
  )
}
