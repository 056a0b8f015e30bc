import { Note } from '@/kit/Note'
import { Section } from '@/kit/Section'
import { Time } from '@/kit/Time'
import { useSession } from '@/session/useSession'
import { account as accountTexts } from '@/strings/account'
import { SettingsPage } from '../settings/SettingsPage'
import { Authenticator } from './Authenticator'
import { PasswordForm } from './PasswordForm'
import { Recovery } from './Recovery'

const words = accountTexts.security

export function SecurityPage() {
  const { user, organizations } = useSession()
  const demanding = organizations.filter(({ needs_second_factor }) => needs_second_factor)
  return (
    <SettingsPage title={words.title}>
      {demanding.length > 0 && !user.has_second_factor && (
        <div className="px-4 pb-4 wide:px-6">
          <Note kind="caution">{words.demanded(demanding.map(({ name }) => name).join(', '))}</Note>
        </div>
      )}
      <Section title={words.authenticator}>
        <Authenticator />
      </Section>
      {user.has_second_factor && (
        <Section title={words.recovery} detail={words.recoveryText}>
          <Recovery />
        </Section>
      )}
      <Section
        title={words.password}
        detail={
          <>
            {words.passwordChanged} <Time at={user.password_changed_at} />
          </>
        }
      >
        <PasswordForm />
      </Section>
    </SettingsPage>
  )
}
