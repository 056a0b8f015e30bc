import { Field } from '@/kit/Field'
import { Select } from '@/kit/Select'
import type { Environment } from '@/lib/environments'
import { t } from '@/strings'

interface Props {
  present: Environment[]
  value: Environment
  onChange: (environment: Environment) => void
  /** What the choice means for this thing. */
  help: string
}

/** Where something new is made. */
export const EnvironmentField = ({ present, value, onChange, help }: Props) => (
  <Field label={t.shell.environment} help={help} name="environment">
    {(control) => (
      <Select<Environment> {...control} options={present.map((name) => ({ value: name, label: t.environment[name] }))} value={value} onChange={onChange} />
    )}
  </Field>
)

/** The environment that a new thing is offered for: the chosen one, and the least dangerous where all are shown. */
export const preferred = (view: Environment | 'all', present: Environment[]): Environment =>
  view === 'all' ? (present.at(-1) ?? 'development') : view
