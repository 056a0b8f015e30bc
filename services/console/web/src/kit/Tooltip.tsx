import { Tooltip as Base } from '@base-ui/react/tooltip'
import type { ReactElement, ReactNode } from 'react'

interface Props {
  /** What the tooltip says. Nothing that matters may stand here alone. */
  content: ReactNode
  children: ReactElement
  side?: 'top' | 'bottom' | 'left' | 'right'
}

/** A note in an inverse box, shown under the pointer and on focus. */
export function Tooltip({ content, children, side = 'top' }: Props) {
  if (!content) return children
  return (
    <Base.Root>
      <Base.Trigger render={children} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} side={side} className="z-50">
          <Base.Popup className="max-w-72 rounded-control bg-inverse px-2.5 py-1.5 text-12 text-on-inverse shadow-float transition-opacity duration-[var(--duration-base)] data-[ending-style]:opacity-0 data-[starting-style]:opacity-0">
            {content}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
