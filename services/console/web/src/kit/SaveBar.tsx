import type { Errors } from '@/lib/useForm'
import { t } from '@/strings'
import { Button } from './Button'
import { FormErrors } from './FormErrors'

interface Props {
  isDirty: boolean
  isBusy: boolean
  errors: Errors
  labels: Record<string, string>
  /** Why saving is held back. */
  reason?: string | undefined
  onReset: () => void
  onSave: () => void
}

/** The foot of a form on a page: what is wrong, back to what is saved, save. */
export function SaveBar({ isDirty, isBusy, errors, labels, reason, onReset, onSave }: Props) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button kind="primary" type="button" busy={isBusy && t.common.saving} reason={reason} disabled={!isDirty} onClick={onSave}>
        {t.common.save}
      </Button>
      {isDirty && (
        <Button kind="ghost" onClick={onReset} disabled={isBusy}>
          {t.common.discard}
        </Button>
      )}
      <FormErrors errors={errors} labels={labels} />
    </div>
  )
}
