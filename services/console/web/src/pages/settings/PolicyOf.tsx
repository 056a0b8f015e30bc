import { useQuery } from '@tanstack/react-query'
import { policyQuery, violationsQuery } from '@/control/queries'
import type { Policy } from '@/control/types'
import { Checkbox } from '@/kit/Checkbox'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { KeyText } from '@/kit/KeyText'
import { Loaded } from '@/kit/Loaded'
import { Note } from '@/kit/Note'
import { SaveBar } from '@/kit/SaveBar'
import { Select } from '@/kit/Select'
import { TextLink } from '@/kit/TextLink'
import { organizationCall } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import { windows } from '@/pages/keys/limits'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { checkPolicy, policyChange, policyValues, type PolicyValues } from './policy'

const words = settingsTexts.environments

/** The rules for keys of one environment, and the keys that break them. */
export function PolicyOf({ environment }: { environment: Environment }) {
  const { organization } = useOrganization()
  const query = useQuery(policyQuery(environment, organization.slug))
  return (
    <Loaded query={query} failed={words.policyFailed} block>
      {({ data, etag }) => (
        <>
          <PolicyForm key={JSON.stringify(data)} environment={environment} policy={data} etag={etag} />
          <Violations environment={environment} />
        </>
      )}
    </Loaded>
  )
}

interface Props {
  environment: Environment
  policy: Policy
  etag: string | null
}

function PolicyForm({ environment, policy, etag }: Props) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { reason } = useAuthority()
  const held = reason(environment, 'policy.update')
  const isOff = Boolean(held)
  const form = useForm<PolicyValues>(policyValues(policy), checkPolicy)
  useUnsaved(form.isDirty)
  const act = useChange(
    () => organizationCall(environment, org, '/policy', { method: 'PATCH', body: policyChange(form.initial, form.values, policy), ifMatch: etag ?? undefined }),
    {
      stale: [['policy', environment, org]],
      done: words.saved(t.environment[environment]),
      refused: (failure) =>
        form.refuse(failure, {
          default_limits: 'default_limit',
          limits_max: 'max_limit',
          default_lifetime_seconds: 'default_days',
          lifetime_seconds_max: 'max_days',
        }),
    },
  )
  const save = () => form.submit() && act.run()
  const { fields } = words
  const text = (name: 'default_days' | 'max_days' | 'prefix' | 'secret_bytes', label: string, help: string, unit?: string) => (
    <Field label={label} help={help} error={form.errors[name]} name={name}>
      {(control) => (
        <span className="flex items-center gap-2 text-13">
          <Input {...control} mono={name === 'prefix'} className="w-28!" readOnly={isOff} value={form.values[name]} onChange={(event) => form.set(name, event.target.value)} onBlur={() => form.touch(name)} />
          {unit}
        </span>
      )}
    </Field>
  )
  const box = (name: 'must_expire' | 'ips_required' | 'allow_supplied_secrets', label: string) => (
    <Checkbox checked={form.values[name]} disabled={isOff} onChange={(on) => form.set(name, on)} label={label} />
  )
  const several = policy.default_limits.length > 1 || policy.limits_max.length > 1
  return (
    <form
      className="grid max-w-160 gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <div className="grid gap-4 wide:grid-cols-2">
        <RateField name="default" label={fields.defaultLimit} help={fields.defaultLimitHelp} form={form} isOff={isOff} />
        <RateField name="max" label={fields.limitMax} help={fields.limitMaxHelp} form={form} isOff={isOff} />
        {text('default_days', fields.defaultLifetime, fields.defaultLifetimeHelp, fields.days)}
        {text('max_days', fields.lifetimeMax, fields.lifetimeMaxHelp, fields.days)}
        {text('prefix', fields.prefix, fields.prefixHelp)}
        {text('secret_bytes', fields.secretBytes, fields.secretBytesHelp)}
      </div>
      <div className="grid gap-1">
        {box('must_expire', fields.mustExpire)}
        {box('ips_required', fields.ipsRequired)}
        {box('allow_supplied_secrets', fields.suppliedSecrets)}
      </div>
      {several && <Note>{fields.several}</Note>}
      {act.failure && Object.keys(act.failure.fields()).length === 0 && (
        <Note kind="refused" live>
          {act.failure.status === 412 ? t.common.changedElsewhere : act.failure.problem.detail}
        </Note>
      )}
      <SaveBar
        isDirty={form.isDirty}
        isBusy={act.isBusy}
        errors={form.errors}
        labels={{ default_limit: fields.defaultLimit, max_limit: fields.limitMax, default_days: fields.defaultLifetime, max_days: fields.lifetimeMax, prefix: fields.prefix, secret_bytes: fields.secretBytes }}
        reason={held}
        onReset={() => form.reset(form.initial)}
        onSave={save}
      />
    </form>
  )
}

interface RateProps {
  name: 'default' | 'max'
  label: string
  help: string
  form: ReturnType<typeof useForm<PolicyValues>>
  isOff: boolean
}

function RateField({ name, label, help, form, isOff }: RateProps) {
  const [limit, window] = [`${name}_limit`, `${name}_window`] as ['default_limit', 'default_window']
  return (
    <Field label={label} help={help} error={form.errors[limit]} name={limit}>
      {(control) => (
        <span className="flex items-center gap-2 text-13">
          <Input {...control} inputMode="numeric" className="w-28!" placeholder={words.fields.noLimit} readOnly={isOff} value={form.values[limit]} onChange={(event) => form.set(limit, event.target.value)} onBlur={() => form.touch(limit)} />
          {t.keyForm.limitPer}
          <Select label={`${label}: ${words.fields.window}`} className="w-28!" disabled={isOff} options={windows} value={form.values[window]} onChange={(value) => form.set(window, value)} />
        </span>
      )}
    </Field>
  )
}

function Violations({ environment }: { environment: Environment }) {
  const { organization } = useOrganization()
  const query = useQuery(violationsQuery(environment, organization.slug))
  return (
    <div className="mt-4">
      <Loaded query={query} failed={words.violationsFailed} block lines={1}>
        {({ items, next_cursor }) =>
          items.length === 0 ? (
            <p className="text-12 text-muted">{words.noViolations}</p>
          ) : (
            <Note kind="caution">
              <p>{words.violations(items.length, next_cursor !== null)}</p>
              <ul className="mt-1 grid gap-1">
                {items.slice(0, 6).map((key) => (
                  <li key={key.key_id}>
                    <TextLink to="/o/$org/integrations/api-keys/$key" params={{ org: organization.slug, key: key.key_id }} search={{ env: environment }}>
                      {key.name}
                    </TextLink>{' '}
                    <KeyText text={key.hint} className="text-12" />
                    <span className="block text-12 text-muted">{key.rules.map(({ message }) => message).join(' ')}</span>
                  </li>
                ))}
              </ul>
            </Note>
          )
        }
      </Loaded>
    </div>
  )
}
