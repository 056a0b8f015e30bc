import { useQuery } from '@tanstack/react-query'
import { Field } from '@/kit/Field'
import { MultiSelect } from '@/kit/MultiSelect'
import { t } from '@/strings'
import type { Role } from '@/client/types.gen'
import { organizationCall, type Page } from '@/lib/api'
import { useKeyScope } from '../scope'
import { errorAt, type FormPart } from './formTypes'

/** The organization's own roles that the key has. */
export function RolesField({ form }: FormPart) {
  const { org } = useKeyScope()
  const { values, errors, set } = form
  const { environment } = values
  const { data: roles = [] } = useQuery({
    queryKey: ['roles', org, environment, 'choices'],
    queryFn: async ({ signal }) => (await organizationCall<Page<Role>>(environment!, org, '/roles', { query: { limit: 200 }, signal })).data.items,
    enabled: environment !== null,
  })
  // Nothing to choose from and nothing chosen: no field.
  if (roles.length === 0 && values.roles.length === 0) return null
  return (
    <Field name="roles" label={t.keyForm.roles} mark={t.common.optional} help={t.keyForm.rolesHelp} error={errorAt(errors, 'roles')} className="mt-3">
      {(control) => (
        <MultiSelect
          {...control}
          options={roles.map(({ id, name, description }) => ({ value: id, label: name, detail: description }))}
          values={values.roles}
          onChange={(next) => set('roles', next)}
          placeholder={t.keyForm.rolesPlaceholder}
        />
      )}
    </Field>
  )
}
