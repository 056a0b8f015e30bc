import { Field } from '@/kit/Field'
import { TagInput } from '@/kit/TagInput'
import { t } from '@/strings'

/** Permissions that no group shows: wildcards, and those that the organization's own API has yet to get. */
export function OwnPermissions({ values, onChange }: { values: string[]; onChange: (values: string[]) => void }) {
  return (
    <Field label={t.keyForm.ownPermissions} mark={t.common.optional} help={t.keyForm.ownPermissionsHelp} className="mt-3">
      {(control) => <TagInput {...control} values={values} onChange={onChange} />}
    </Field>
  )
}
