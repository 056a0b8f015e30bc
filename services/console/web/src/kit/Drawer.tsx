import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { t } from '@/strings'
import { IconButton } from './IconButton'

interface Props {
  open: boolean
  onClose: () => void
  title: ReactNode
  children: ReactNode
}

/** Details beside a list: 540 wide without a scrim, so that the list stays alive. Under 900 px it is a page. */
export function Drawer({ open, onClose, title, children }: Props) {
  return (
    <Base.Root open={open} onOpenChange={(isOpen) => !isOpen && onClose()} modal={false} disablePointerDismissal>
      <Base.Portal>
        <Base.Popup className="part-dialog fixed inset-y-0 right-0 z-30 flex w-full flex-col rounded-none! outline-none wide:top-13 wide:w-135">
          <div className="flex items-center gap-2 border-b border-line px-4 py-3 wide:px-6">
            <Base.Title className="min-w-0 flex-1 text-14 font-semibold">{title}</Base.Title>
            <Base.Close
              render={
                <IconButton label={t.common.close} quiet>
                  <X aria-hidden />
                </IconButton>
              }
            />
          </div>
          <div className="min-h-0 flex-1 overflow-y-auto px-4 py-4 wide:px-6">{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}
