import { Button } from '@/kit/Button'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Note } from '@/kit/Note'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useForm } from '@/lib/useForm'
import { useSession } from '@/session/useSession'
import { account as accountTexts } from '@/strings/account'
import { checkPassword, strengthOf, type PasswordValues } from './password'

const words = accountTexts.security
const empty: PasswordValues = { current: '', next: '' }

export function PasswordForm() {
  const { user } = useSession()
  const form = useForm<PasswordValues>(empty, checkPassword)
  const change = useChange(
    () => controlCall('/account/password', { method: 'POST', body: { current_password: form.values.current, new_password: form.values.next } }),
    {
      stale: [['session'], ['account', 'sessions']],
      done: words.changed,
      after: () => form.reset(empty),
      refused: (failure) => form.refuse(failure, { current_password: 'current', new_password: 'next' }),
    },
  )
  return (
    <form
      className="grid max-w-90 gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (form.submit()) change.run()
      }}
    >
      {/* For password managers: whose password this is. */}
      <input type="text" autoComplete="username" value={user.email} readOnly hidden />
      <Field label={words.current} error={form.errors.current} name="current">
        {(control) => <Input {...control} type="password" autoComplete="current-password" value={form.values.current} onChange={(event) => form.set('current', event.target.value)} />}
      </Field>
      <Field
        label={words.next}
        help={
          <>
            {words.nextHelp} {form.values.next !== '' && <b className="font-medium text-ink">{words.strength[strengthOf(form.values.next)]}</b>}
          </>
        }
        error={form.errors.next}
        name="next"
      >
        {(control) => (
          <Input {...control} type="password" autoComplete="new-password" value={form.values.next} onChange={(event) => form.set('next', event.target.value)} onBlur={() => form.values.next !== '' && form.touch('next')} />
        )}
      </Field>
      {change.failure && Object.keys(change.failure.fields()).length === 0 && (
        <Note kind="refused" live>
          {change.failure.problem.detail}
        </Note>
      )}
      <div>
        <Button type="submit" busy={change.isBusy && words.changing}>
          {words.change}
        </Button>
      </div>
    </form>
  )
}
