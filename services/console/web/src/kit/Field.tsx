import { CircleAlert } from 'lucide-react'
import { clsx } from 'clsx'
import { useId, type ReactNode } from 'react'

/** What a control needs to belong to its field. */
export interface FieldControl {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
}

interface Props {
  label: ReactNode
  /** Beside the label, muted: "optional". */
  mark?: ReactNode
  help?: ReactNode
  /** Takes the place of the help. */
  error?: string | undefined
  /** The path of the field in the body; what the summary of mistakes jumps to. */
  name?: string
  className?: string
  children: (control: FieldControl) => ReactNode
}

/** Label above, help below, the error in the help's place. */
export function Field({ label, mark, help, error, name, className, children }: Props) {
  const id = useId()
  const note = `${id}-note`
  return (
    <div className={clsx('min-w-0', className)} data-field={name}>
      <label htmlFor={id} className="mb-1 flex items-baseline gap-1.5 text-13 font-medium">
        {label}
        {mark && <span className="font-normal text-muted">{mark}</span>}
      </label>
      {children({ id, 'aria-describedby': help || error ? note : undefined, 'aria-invalid': error ? true : undefined })}
      <FieldNote id={note} help={help} error={error} />
    </div>
  )
}

export function FieldNote({ id, help, error }: { id: string; help?: ReactNode; error?: string | undefined }) {
  if (error)
    return (
      <p id={id} className="mt-1 flex items-start gap-1 text-12 text-danger">
        <CircleAlert aria-hidden className="mt-px size-3.5" />
        <span>{error}</span>
      </p>
    )
  return help ? (
    <div id={id} className="mt-1 text-12 text-muted">
      {help}
    </div>
  ) : null
}
