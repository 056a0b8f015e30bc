import { useQuery } from '@tanstack/react-query'
import { organizationQuery, ofOrganization } from '@/control/queries'
import type { Organization } from '@/control/types'
import { Copy } from '@/kit/Copy'
import { Facts } from '@/kit/Facts'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Loaded } from '@/kit/Loaded'
import { Note } from '@/kit/Note'
import { SaveBar } from '@/kit/SaveBar'
import { Time } from '@/kit/Time'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { settings as settingsTexts } from '@/strings/settings'
import { FormColumn, SettingsPage } from './SettingsPage'

const words = settingsTexts.general

export function GeneralPage() {
  const { organization } = useOrganization()
  const query = useQuery(organizationQuery(organization.slug))
  return (
    <SettingsPage title={words.title}>
      <Loaded query={query} failed={settingsTexts.loadFailed}>
        {(data) => <GeneralForm key={data.id} organization={data} />}
      </Loaded>
    </SettingsPage>
  )
}

function GeneralForm({ organization }: { organization: Organization }) {
  const { reason } = useIsManager()
  const form = useForm({ name: organization.name }, ({ name }): Record<string, string> => (name.trim() === '' ? { name: words.errors.name } : {}))
  useUnsaved(form.isDirty)
  const act = useChange(
    async () => (await controlCall<Organization>(ofOrganization(organization.slug), { method: 'PATCH', body: { name: form.values.name.trim() } })).data,
    {
      stale: [['session'], ['organization']],
      done: words.saved,
      refused: form.refuse,
      after: (saved) => form.reset({ name: saved.name }),
    },
  )
  const save = () => form.submit() && act.run()
  return (
    <FormColumn onSubmit={save}>
      <Field label={words.name} error={form.errors.name} name="name">
        {(control) => (
          <Input {...control} readOnly={Boolean(reason)} value={form.values.name} onChange={(event) => form.set('name', event.target.value)} onBlur={() => form.touch('name')} />
        )}
      </Field>
      <Field label={words.slug} help={words.slugHelp}>
        {(control) => (
          <span className="flex items-center gap-1">
            <Input {...control} mono readOnly data-readonly="true" value={organization.slug} />
            <Copy text={organization.slug} />
          </span>
        )}
      </Field>
      <Facts
        facts={[
          [
            words.id,
            <span key="id" className="inline-flex items-center gap-1 font-mono text-12">
              {organization.id} <Copy text={organization.id} />
            </span>,
          ],
          organization.created_at !== undefined && [words.created, <Time key="created" at={organization.created_at} form="absolute" />],
        ]}
      />
      {act.failure && Object.keys(act.failure.fields()).length === 0 && (
        <Note kind="refused" live>
          {act.failure.problem.detail}
        </Note>
      )}
      <SaveBar
        isDirty={form.isDirty}
        isBusy={act.isBusy}
        errors={form.errors}
        labels={{ name: words.name }}
        reason={reason}
        onReset={() => form.reset(form.initial)}
        onSave={save}
      />
    </FormColumn>
  )
}
