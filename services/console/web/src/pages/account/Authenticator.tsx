import { useRef, useState } from 'react'
import { AlertDialog } from '@/kit/AlertDialog'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { Dialog } from '@/kit/Dialog'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { Note } from '@/kit/Note'
import { StatusBadge } from '@/kit/StatusBadge'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { account as accountTexts } from '@/strings/account'
import { RecoveryCodes } from './RecoveryCodes'

const words = accountTexts.security

interface Enrolment {
  secret: string
  uri: string
  qr_svg: string
}

/** The second factor: set up with a code, or turned off. */
export function Authenticator() {
  const { user } = useSession()
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null)
  const [codes, setCodes] = useState<string[] | null>(null)
  const [isTurningOff, setTurningOff] = useState(false)
  const start = useChange(async () => (await controlCall<Enrolment>('/account/totp', { method: 'POST' })).data, { stale: [], after: setEnrolment })
  const stop = useChange(() => controlCall('/account/totp', { method: 'DELETE' }), {
    stale: [['session']],
    done: words.turnedOff,
    after: () => setTurningOff(false),
  })
  return (
    <div className="grid max-w-140 gap-3 text-13">
      <p className="text-muted">{words.authenticatorText}</p>
      <div className="flex items-center gap-4">
        <StatusBadge look={user.has_second_factor ? 'active' : 'inactive'}>{user.has_second_factor ? words.on : words.off}</StatusBadge>
        {user.has_second_factor ? (
          <Button kind="reversible" onClick={() => setTurningOff(true)}>
            {words.turnOff}
          </Button>
        ) : (
          <Button kind="primary" busy={start.isBusy && t.common.loading} onClick={() => start.run()}>
            {words.setUp}
          </Button>
        )}
      </div>
      {start.failure && (
        <Note kind="refused" live>
          {start.failure.problem.detail}
        </Note>
      )}
      {enrolment && (
        <Enrol
          enrolment={enrolment}
          onClose={() => setEnrolment(null)}
          onDone={(made) => {
            setEnrolment(null)
            setCodes(made)
          }}
        />
      )}
      {codes && <RecoveryCodes codes={codes} onClose={() => setCodes(null)} />}
      <AlertDialog
        open={isTurningOff}
        onClose={() => setTurningOff(false)}
        title={words.turnOffTitle}
        verb={words.turnOff}
        kind="reversible"
        busy={stop.isBusy && words.turningOff}
        failure={stop.failure}
        onConfirm={() => stop.run()}
      >
        {words.turnOffText}
      </AlertDialog>
    </div>
  )
}

interface EnrolProps {
  enrolment: Enrolment
  onClose: () => void
  onDone: (codes: string[]) => void
}

function Enrol({ enrolment, onClose, onDone }: EnrolProps) {
  const [code, setCode] = useState('')
  const input = useRef<HTMLInputElement>(null)
  const confirm = useChange(
    async () => (await controlCall<{ recovery_codes: string[] }>('/account/totp/confirm', { method: 'POST', body: { code: code.replace(/\s/g, '') } })).data.recovery_codes,
    { stale: [['session']], done: words.confirmed, after: onDone, refused: () => input.current?.select() },
  )
  return (
    <Dialog open holds onClose={onClose} title={words.setUp} subtitle={words.scan} initialFocus={input}>
      <form
        className="grid gap-4 pt-1"
        onSubmit={(event) => {
          event.preventDefault()
          confirm.run()
        }}
      >
        <img alt={words.qr} className="size-44 rounded-panel border border-line bg-white p-2" src={`data:image/svg+xml;utf8,${encodeURIComponent(enrolment.qr_svg)}`} />
        <div>
          <div className="mb-1 text-13 font-medium">{words.secret}</div>
          <div className="flex items-start gap-2">
            <code data-testid="totp-secret" className="font-mono text-13 break-all">
              {enrolment.secret.match(/.{1,4}/g)?.join(' ')}
            </code>
            <Copy text={enrolment.secret} label={words.copySecret} />
          </div>
        </div>
        <Field label={words.code} help={words.codeHelp} error={confirm.failure?.problem.errors?.[0]?.message ?? confirm.failure?.problem.detail}>
          {(control) => (
            <Input {...control} ref={input} mono inputMode="numeric" autoComplete="one-time-code" maxLength={8} className="w-32!" value={code} onChange={(event) => setCode(event.target.value)} />
          )}
        </Field>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button kind="primary" type="submit" busy={confirm.isBusy && words.confirming}>
            {words.confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
