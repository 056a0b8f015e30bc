import type { ReactNode } from 'react'

interface Props {
  title: ReactNode
  /** One muted sentence at most. */
  subtitle?: ReactNode
  /** At the right, one primary. */
  actions?: ReactNode
  /** A link back, above the title. */
  back?: ReactNode
}

/** The head of every page. The title takes the focus when the page is entered. */
export function PageHead({ title, subtitle, actions, back }: Props) {
  return (
    <div className="px-4 pt-5 wide:px-6">
      {back && <div className="mb-1 text-13 text-muted">{back}</div>}
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <h1 tabIndex={-1} className="flex flex-wrap items-center gap-x-3 gap-y-1 text-20 font-semibold outline-none">
            {title}
          </h1>
          {subtitle && <div className="mt-1 text-13 text-muted max-wide:hidden">{subtitle}</div>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
    </div>
  )
}
