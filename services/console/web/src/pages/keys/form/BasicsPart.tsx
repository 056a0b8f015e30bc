import type { RefObject } from 'react'
import { EnvironmentBadge, EnvironmentSquare, environmentLook } from '@/kit/EnvironmentBadge'
import { Field, FieldNote } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { RadioCards } from '@/kit/RadioCards'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import { useKeyScope } from '../scope'
import { errorAt, type FormPart } from './formTypes'

interface Props extends FormPart {
  isEdit: boolean
  nameField: RefObject<HTMLInputElement | null>
}

const words = t.keyForm

/** Name and environment. */
export function BasicsPart({ form, isEdit, nameField }: Props) {
  const { present, reason } = useKeyScope()
  const urlOf = usePublicUrl()
  const { values, errors, set, touch } = form
  return (
    <>
      <Field name="name" label={words.name} error={errorAt(errors, 'name')}>
        {(control) => (
          <Input {...control} ref={nameField} value={values.name} maxLength={200} onChange={(event) => set('name', event.target.value)} onBlur={() => touch('name')} />
        )}
      </Field>
      {isEdit ? (
        <div>
          <div className="mb-1 text-13 font-medium">{words.environment}</div>
          {values.environment && <EnvironmentBadge environment={values.environment} />}
        </div>
      ) : (
        <div data-field="environment">
          <RadioCards
            legend={words.environment}
            value={values.environment ?? ('' as never)}
            onChange={(environment) => set('environment', environment)}
            cards={present.map((environment) => {
              const held = reason(environment, 'keys.create')
              return {
                value: environment,
                disabled: held !== undefined,
                chosenLook: environmentLook[environment].soft,
                label: (
                  <span className="flex items-center gap-1.5 text-ink" title={held}>
                    <EnvironmentSquare environment={environment} /> {t.environment[environment]}
                  </span>
                ),
                detail: <span className="font-mono">{urlOf(environment).replace(/^https?:\/\//, '')}</span>,
              }
            })}
            help={words.environmentHelp}
          />
          <FieldNote id="environment-note" error={errors.environment} />
        </div>
      )}
    </>
  )
}
