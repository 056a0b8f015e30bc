import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
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
import { remembered } from '@/lib/preferences'
import { queryClient } from '@/lib/query'
import { useChange } from '@/lib/useChange'
import { useForm, type Errors } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { sessionQuery } from '@/session/useSession'
import { settings as settingsTexts } from '@/strings/settings'
import { isSlug } from '../admin/slug'
import { FormColumn, SettingsPage } from './SettingsPage'

const words = settingsTexts.general

interface Values {
  name: string
  slug: string
}

export function checkGeneral({ name, slug }: Values): Errors {
  const errors: Errors = {}
  if (name.trim() === '') errors.name = words.errors.name
  if (!isSlug(slug.trim())) errors.slug = words.errors.slug
  return errors
}

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
  const navigate = useNavigate()
  const form = useForm<Values>({ name: organization.name, slug: organization.slug }, checkGeneral)
  useUnsaved(form.isDirty)
  const act = useChange(
    async () =>
      (await controlCall<Organization>(ofOrganization(organization.slug), { method: 'PATCH', body: { name: form.values.name.trim(), slug: form.values.slug.trim() } })).data,
    {
      stale: [],
      done: words.saved,
      refused: form.refuse,
      after: async (saved) => {
        form.reset({ name: saved.name, slug: saved.slug })
        remembered.set('organization', saved.slug)
        // The address follows the slug once the session knows it.
        await queryClient.invalidateQueries(sessionQuery)
        void queryClient.invalidateQueries({ queryKey: ['organization'] })
        if (saved.slug !== organization.slug) void navigate({ to: '/o/$org/settings/general', params: { org: saved.slug }, replace: true })
      },
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
      <Field label={words.slug} help={words.slugHelp} error={form.errors.slug} name="slug">
        {(control) => (
          <Input {...control} mono readOnly={Boolean(reason)} value={form.values.slug} onChange={(event) => form.set('slug', event.target.value)} onBlur={() => form.touch('slug')} />
        )}
      </Field>
      {form.values.slug !== organization.slug && (
        <Note kind="caution" live>
          {words.slugWarning(organization.slug)}
        </Note>
      )}
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
        labels={{ name: words.name, slug: words.slug }}
        reason={reason}
        onReset={() => form.reset(form.initial)}
        onSave={save}
      />
    </FormColumn>
  )
}
