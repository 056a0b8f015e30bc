import { Copy } from '@/kit/Copy'
import { Facts } from '@/kit/Facts'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Note } from '@/kit/Note'
import { SaveBar } from '@/kit/SaveBar'
import { TextLink } from '@/kit/TextLink'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useUnsaved } from '@/lib/useUnsaved'
import { useSession } from '@/session/useSession'
import { account as accountTexts } from '@/strings/account'
import { FormColumn, SettingsPage } from '../settings/SettingsPage'

const words = accountTexts.profile

export function ProfilePage() {
  const { user, organizations } = useSession()
  const form = useForm({ name: user.name }, ({ name }): Record<string, string> => (name.trim() === '' ? { name: words.errors.name } : {}))
  useUnsaved(form.isDirty)
  const change = useChange(() => controlCall('/account', { method: 'PATCH', body: { name: form.values.name.trim() } }), {
    stale: [['session']],
    done: words.saved,
    refused: form.refuse,
    after: () => form.reset({ name: form.values.name.trim() }),
  })
  const save = () => form.submit() && change.run()
  return (
    <SettingsPage title={words.title}>
      <FormColumn onSubmit={save}>
        <Field label={words.name} help={words.nameHelp} error={form.errors.name} name="name">
          {(control) => <Input {...control} autoComplete="name" value={form.values.name} onChange={(event) => form.set('name', event.target.value)} onBlur={() => form.touch('name')} />}
        </Field>
        <Field label={words.email} help={words.emailHelp}>
          {(control) => <Input {...control} readOnly data-readonly="true" value={user.email} />}
        </Field>
        <Facts
          facts={[
            [
              words.id,
              <span key="id" className="inline-flex items-center gap-1 font-mono text-12">
                {user.id} <Copy text={user.id} />
              </span>,
            ],
            [
              words.organizations,
              organizations.length === 0 ? (
                <span key="none" className="text-muted">
                  {words.none}
                </span>
              ) : (
                organizations.map(({ slug, name }) => (
                  <TextLink key={slug} to="/o/$org" params={{ org: slug }} className="block">
                    {name}
                  </TextLink>
                ))
              ),
            ],
          ]}
        />
        {change.failure && Object.keys(change.failure.fields()).length === 0 && (
          <Note kind="refused" live>
            {change.failure.problem.detail}
          </Note>
        )}
        <SaveBar isDirty={form.isDirty} isBusy={change.isBusy} errors={form.errors} labels={{ name: words.name }} onReset={() => form.reset(form.initial)} onSave={save} />
      </FormColumn>
    </SettingsPage>
  )
}
