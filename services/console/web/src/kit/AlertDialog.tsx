import { AlertDialog as Base } from '@base-ui/react/alert-dialog'
import { useRef, useState, type ReactNode } from 'react'
import type { Failure } from '@/lib/problem'
import { t } from '@/strings'
import { Button, type ButtonKind } from './Button'
import { Field } from './Field'
import { Input } from './Input'
import { Note } from './Note'

interface Props {
  open: boolean
  onClose: () => void
  title: string
  /** Whom it concerns: name, badge, hint. */
  subject?: ReactNode
  /** The consequence, in one sentence. */
  children: ReactNode
  /** The verb on the button. */
  verb: string
  busy?: string | false
  kind?: ButtonKind
  /** What has to be typed before the button arms. */
  typed?: { label: string; text: string } | undefined
  failure?: Failure | null | undefined
  onConfirm: () => void
}

/** A question before something that stops traffic or cannot be undone. Focus starts on Cancel. */
export function AlertDialog(props: Props) {
  const { open, onClose, title, subject, children, verb, busy, kind = 'primary', typed, failure, onConfirm } = props
  const cancel = useRef<HTMLButtonElement>(null)
  const [text, setText] = useState('')
  const isArmed = !typed || text.trim() === typed.text
  const close = () => {
    setText('')
    onClose()
  }
  return (
    <Base.Root open={open} onOpenChange={(isOpen) => !isOpen && !busy && close()}>
      <Base.Portal>
        <Base.Backdrop className="part-scrim z-40" />
        <Base.Viewport className="fixed inset-0 z-40 flex items-center justify-center overflow-y-auto p-4">
          <Base.Popup initialFocus={cancel} className="part-dialog w-120 max-w-full p-6 outline-none">
            <Base.Title className="text-16 font-semibold">{title}</Base.Title>
            {subject && <div className="mt-1 text-13">{subject}</div>}
            <Base.Description render={<div />} className="mt-3 text-13">
              {children}
            </Base.Description>
            {failure && (
              <Note kind="refused" className="mt-3">
                {failure.problem.detail}
              </Note>
            )}
            <form
              onSubmit={(event) => {
                event.preventDefault()
                if (isArmed && !busy) onConfirm()
              }}
            >
              {typed && (
                <Field label={typed.label} className="mt-4">
                  {(control) => <Input {...control} value={text} onChange={(event) => setText(event.target.value)} />}
                </Field>
              )}
              <div className="mt-5 flex justify-end gap-2">
                <Button ref={cancel} onClick={close} disabled={Boolean(busy)}>
                  {t.common.cancel}
                </Button>
                <Button kind={kind} type="submit" busy={busy} disabled={!isArmed}>
                  {verb}
                </Button>
              </div>
            </form>
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  )
}
