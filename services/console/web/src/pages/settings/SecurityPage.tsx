import { useQuery } from '@tanstack/react-query'
import { membersQuery, ofOrganization, securityQuery } from '@/control/queries'
import type { Security } from '@/control/types'
import { Checkbox } from '@/kit/Checkbox'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Loaded } from '@/kit/Loaded'
import { Note } from '@/kit/Note'
import { SaveBar } from '@/kit/SaveBar'
import { Section } from '@/kit/Section'
import { Textarea } from '@/kit/Textarea'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { settings as settingsTexts } from '@/strings/settings'
import { errorAt } from '../keys/form/formTypes'
import { checkSecurity, securityBody, securityValues, type SecurityValues } from './security'
import { FormColumn, SettingsPage } from './SettingsPage'
import { WaitingDevices } from './WaitingDevices'

const words = settingsTexts.security

export function SecurityPage() {
  const { organization } = useOrganization()
  const { isManager } = useIsManager()
  const query = useQuery(securityQuery(organization.slug))
  return (
    <SettingsPage title={words.title} subtitle={words.subtitle}>
      <Loaded query={query} failed={settingsTexts.loadFailed}>
        {(data) => (
          <>
            <SecurityForm key={JSON.stringify(data)} security={data} />
            {isManager && (
              <div className="mt-8 border-t border-line">
                <Section title={words.devices} detail={words.devicesDetail}>
                  <WaitingDevices isOn={data.device_approvals} />
                </Section>
              </div>
            )}
          </>
        )}
      </Loaded>
    </SettingsPage>
  )
}

function SecurityForm({ security }: { security: Security }) {
  const { organization } = useOrganization()
  const org = organization.slug
  const { reason } = useIsManager()
  const form = useForm<SecurityValues>(securityValues(security), checkSecurity)
  useUnsaved(form.isDirty)
  const { values, set, errors } = form
  const act = useChange(() => controlCall(ofOrganization(org, 'security'), { method: 'PATCH', body: securityBody(values) }), {
    stale: [['security', org], ['session']],
    done: words.saved,
    refused: form.refuse,
  })
  const save = () => form.submit() && act.run()
  const isOff = Boolean(reason)
  return (
    <FormColumn onSubmit={save}>
      <div>
        <Checkbox checked={values.second_factor_required} disabled={isOff} onChange={(on) => set('second_factor_required', on)} label={words.secondFactor} />
        <p className="mt-0.5 pl-6 text-12 text-muted">{words.secondFactorHelp}</p>
        {values.second_factor_required && !security.second_factor_required && <WithoutFactor />}
      </div>
      <NumberField name="session_hours" label={words.sessionHours} help={words.sessionHoursHelp} unit={words.hours} form={form} isOff={isOff} />
      <div>
        <Checkbox checked={values.all_networks} disabled={isOff} onChange={(on) => set('all_networks', on)} label={words.networksAll} />
        {!values.all_networks && (
          <Field label={words.networks} help={words.networksHelp} error={errorAt(errors, 'networks')} name="networks" className="mt-2">
            {(control) => (
              <Textarea {...control} mono readOnly={isOff} value={values.networks} onChange={(event) => set('networks', event.target.value)} onBlur={() => form.touch('networks')} />
            )}
          </Field>
        )}
      </div>
      <div>
        <Checkbox checked={values.device_approvals} disabled={isOff} onChange={(on) => set('device_approvals', on)} label={words.deviceApprovals} />
        <p className="mt-0.5 pl-6 text-12 text-muted">{words.deviceApprovalsHelp}</p>
      </div>
      <NumberField name="password_max_days" label={words.passwordDays} help={words.passwordDaysHelp} unit={words.days} form={form} isOff={isOff} />
      <Checkbox checked={values.step_up_for_regenerate} disabled={isOff} onChange={(on) => set('step_up_for_regenerate', on)} label={words.stepUp} />
      {act.failure && Object.keys(act.failure.fields()).length === 0 && (
        <Note kind="refused" live>
          {act.failure.problem.detail}
        </Note>
      )}
      <SaveBar
        isDirty={form.isDirty}
        isBusy={act.isBusy}
        errors={errors}
        labels={{ session_hours: words.sessionHours, networks: words.networks, password_max_days: words.passwordDays }}
        reason={reason}
        onReset={() => form.reset(form.initial)}
        onSave={save}
      />
    </FormColumn>
  )
}

interface NumberProps {
  name: 'session_hours' | 'password_max_days'
  label: string
  help: string
  unit: string
  form: ReturnType<typeof useForm<SecurityValues>>
  isOff: boolean
}

const NumberField = ({ name, label, help, unit, form, isOff }: NumberProps) => (
  <Field label={label} help={help} error={form.errors[name]} name={name}>
    {(control) => (
      <span className="flex items-center gap-2 text-13">
        <Input
          {...control}
          inputMode="numeric"
          readOnly={isOff}
          className="w-24!"
          value={form.values[name]}
          onChange={(event) => form.set(name, event.target.value)}
          onBlur={() => form.touch(name)}
        />
        {unit}
      </span>
    )}
  </Field>
)

/** Who would be held up by the demand of a second factor. */
function WithoutFactor() {
  const { organization } = useOrganization()
  const { data: members } = useQuery(membersQuery(organization.slug))
  const without = members?.filter((member) => !member.has_second_factor) ?? []
  if (without.length === 0) return null
  return (
    <Note kind="caution" className="mt-2" live>
      {words.lockedOut(without.length)} <span className="text-muted">{without.map(({ user }) => user.name || user.email).join(', ')}</span>
    </Note>
  )
}
