import { CircleAlert } from 'lucide-react'
import type { Errors } from '@/lib/useForm'
import { t } from '@/strings'

interface Props {
  errors: Errors
  /** What each field is called, by the first part of its path. */
  labels: Record<string, string>
}

/** Brings the focus to the field of a path; `false` when there is none. */
export function focusField(path: string): boolean {
  const field = document.querySelector(`[data-field="${CSS.escape(path.split('.')[0] ?? '')}"]`)
  const control = field?.querySelector<HTMLElement>('[aria-invalid="true"], input, textarea, button, select')
  const target = control?.matches('input, textarea, button, select') ? control : control?.querySelector<HTMLElement>('input, textarea')
  target?.focus()
  return Boolean(target)
}

/** All mistakes in one line, each a way to its field. */
export function FormErrors({ errors, labels }: Props) {
  const names = [...new Set(Object.keys(errors).map((path) => path.split('.')[0]!))]
  return (
    <div role="alert" className="min-w-0 flex-1 text-12 text-danger">
      {names.length > 0 && (
        <span className="flex flex-wrap items-center gap-1">
          <CircleAlert aria-hidden className="size-3.5" />
          {t.common.fieldsNeedAttention(names.length)}
          {names.map((name, index) => (
            <button key={name} type="button" className="underline" onClick={() => focusField(name)}>
              {labels[name] ?? name}
              {index < names.length - 1 ? ',' : ''}
            </button>
          ))}
        </span>
      )}
    </div>
  )
}
