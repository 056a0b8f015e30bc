import { X } from 'lucide-react'
import { clsx } from 'clsx'
import { t } from '@/strings'

export interface BulkAction {
  label: string
  onSelect: () => void
  /** Last, in light red. */
  final?: boolean
}

interface Props {
  count: number
  actions: BulkAction[]
  /** Selects all that are loaded, when more are than are selected. */
  all?: { label: string; onSelect: () => void } | undefined
  onClear: () => void
}

/** What can be done with the selected rows; floats above the foot. */
export function BulkBar({ count, actions, all, onClear }: Props) {
  if (count === 0) return null
  return (
    <div
      role="region"
      aria-label={t.common.selected(count)}
      className="fixed bottom-5 left-1/2 z-30 flex max-w-[calc(100vw-1rem)] -translate-x-1/2 flex-wrap items-center gap-1 rounded-panel border border-transparent bg-inverse px-3 py-1.5 text-13 text-on-inverse shadow-float"
    >
      <span role="status" className="font-medium whitespace-nowrap">
        {t.common.selected(count)}
      </span>
      {all && (
        <button type="button" className="px-2 text-on-inverse-muted underline" onClick={all.onSelect}>
          {all.label}
        </button>
      )}
      <span aria-hidden className="mx-2 h-5 w-px bg-inverse-line" />
      {actions.map((action) => (
        <button
          key={action.label}
          type="button"
          onClick={action.onSelect}
          className={clsx('h-8 rounded-control px-2.5 font-medium hover:bg-inverse-line', action.final && 'text-on-inverse-danger')}
        >
          {action.label}
        </button>
      ))}
      <span aria-hidden className="mx-2 h-5 w-px bg-inverse-line" />
      <button type="button" aria-label={t.common.clear} onClick={onClear} className="grid size-8 place-items-center rounded-control hover:bg-inverse-line">
        <X aria-hidden />
      </button>
    </div>
  )
}
