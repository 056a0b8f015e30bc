import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import { clsx } from 'clsx'
import type { ReactNode, RefObject } from 'react'
import { t } from '@/strings'
import { IconButton } from './IconButton'

interface Props {
  open: boolean
  onClose: () => void
  title: ReactNode
  /** Below the title, muted. */
  subtitle?: ReactNode
  /** 480 asks, 724 shows a secret, 1064 holds a form beside its summary. */
  width?: 480 | 560 | 724 | 1064
  foot?: ReactNode
  /** Pressing outside and Esc do nothing: for what would be lost. */
  holds?: boolean
  initialFocus?: RefObject<HTMLElement | null>
  children: ReactNode
  /** The content brings its own padding and scrolls in its own parts. */
  bare?: boolean
}

const widths = { 480: 'wide:w-120', 560: 'wide:w-140', 724: 'wide:w-181', 1064: 'wide:w-266' }

/** A dialog over the page; under 900 px a sheet of the whole screen with a fixed foot. */
export function Dialog({ open, onClose, title, subtitle, width = 480, foot, holds, initialFocus, children, bare }: Props) {
  return (
    <Base.Root
      open={open}
      onOpenChange={(isOpen, details) => {
        if (isOpen) return
        if (holds && (details.reason === 'escape-key' || details.reason === 'outside-press')) {
          details.cancel()
          return
        }
        onClose()
      }}
      disablePointerDismissal={holds}
    >
      <Base.Portal>
        <Base.Backdrop className="part-scrim z-40" />
        <Base.Viewport className="fixed inset-0 z-40 flex items-stretch justify-center wide:items-center wide:p-6">
          <Base.Popup
            initialFocus={initialFocus}
            className={clsx(
              'part-dialog flex max-h-full w-full min-w-0 flex-col outline-none max-wide:rounded-none!',
              widths[width],
            )}
          >
            <div className={clsx('flex gap-3 px-4 wide:px-6', bare ? 'items-center border-b border-line py-2.5' : 'items-start pt-4 pb-3')}>
              <div className="min-w-0 flex-1">
                <Base.Title className="flex flex-wrap items-center gap-2 text-16 font-semibold">{title}</Base.Title>
                {subtitle && <Base.Description className="mt-0.5 text-13 text-muted">{subtitle}</Base.Description>}
              </div>
              <Base.Close
                render={
                  <IconButton label={t.common.close} quiet className="-mr-2">
                    <X aria-hidden />
                  </IconButton>
                }
              />
            </div>
            <div className={clsx('flex min-h-0 flex-1 flex-col', bare ? '' : 'overflow-y-auto px-4 pb-5 wide:px-6')}>{children}</div>
            {foot && (
              <div className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-4 py-3 wide:px-6">{foot}</div>
            )}
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  )
}
