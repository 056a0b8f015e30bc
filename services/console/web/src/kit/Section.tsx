import type { ReactNode } from 'react'

interface Props {
  title: ReactNode
  /** Beside the title, muted. */
  detail?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

/** A part of a page, above a hairline. */
export function Section({ title, detail, actions, children }: Props) {
  return (
    <section className="border-b border-line px-4 py-5 last:border-b-0 wide:px-6">
      <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="text-14 font-semibold">{title}</h2>
        {detail && <span className="text-12 text-muted">{detail}</span>}
        {actions && <span className="ml-auto flex items-center gap-2">{actions}</span>}
      </div>
      {children}
    </section>
  )
}
