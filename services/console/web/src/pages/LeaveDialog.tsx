import { AlertDialog as Base } from '@base-ui/react/alert-dialog'
import { useRef } from 'react'
import { Button } from '@/kit/Button'
import { t } from '@/strings'

interface Props {
  open: boolean
  onStay: () => void
  onLeave: () => void
}

/** Asks before a form with changes is closed. */
export function LeaveDialog({ open, onStay, onLeave }: Props) {
  const stay = useRef<HTMLButtonElement>(null)
  const words = t.common.leaveDirty
  return (
    <Base.Root open={open} onOpenChange={(isOpen) => !isOpen && onStay()}>
      <Base.Portal>
        <Base.Backdrop className="part-scrim z-50" />
        <Base.Viewport className="fixed inset-0 z-50 flex items-center justify-center p-4">
          <Base.Popup initialFocus={stay} className="part-dialog w-90 max-w-full p-6 outline-none">
            <Base.Title className="text-16 font-semibold">{words.title}</Base.Title>
            <Base.Description className="mt-2 text-13 text-muted">{words.text}</Base.Description>
            <div className="mt-5 flex justify-end gap-2">
              <Button ref={stay} onClick={onStay}>
                {words.stay}
              </Button>
              <Button kind="reversible" onClick={onLeave}>
                {words.leave}
              </Button>
            </div>
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  )
}
