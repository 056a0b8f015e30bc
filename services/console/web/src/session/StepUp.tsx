import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Button } from '@/kit/Button'
import { Dialog } from '@/kit/Dialog'
import { Field } from '@/kit/Field'
import { Input } from '@/kit/Input'
import { controlCall } from '@/lib/api'
import { stepUp } from '@/lib/http'
import { asFailure } from '@/lib/problem'
import { t } from '@/strings'
import { sessionQuery } from './useSession'
import type { Session } from './types'

/** Asks for the password or a code before an act that the server wants confirmed, then lets the act go on. */
export function StepUp() {
  const client = useQueryClient()
  const hasSecondFactor = client.getQueryData(sessionQuery.queryKey)?.user.has_second_factor ?? false
  const [waiting, setWaiting] = useState<((isConfirmed: boolean) => void) | null>(null)
  const [byCode, setByCode] = useState(false)
  const [text, setText] = useState('')
  const [error, setError] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)

  useEffect(() => {
    stepUp.set(() => {
      setByCode(client.getQueryData(sessionQuery.queryKey)?.user.has_second_factor ?? false)
      return new Promise((resolve) => setWaiting(() => resolve))
    })
    return () => stepUp.set(null)
  }, [client])

  const end = (isConfirmed: boolean) => {
    waiting?.(isConfirmed)
    setWaiting(null)
    setText('')
    setError(undefined)
  }

  async function confirm() {
    setBusy(true)
    try {
      const { data } = await controlCall<Session>('/session/step-up', {
        method: 'POST',
        body: byCode ? { code: text.trim() } : { password: text },
      })
      client.setQueryData(sessionQuery.queryKey, data)
      end(true)
    } catch (thrown) {
      setError(asFailure(thrown).problem.detail)
      field.current?.select()
    } finally {
      setBusy(false)
    }
  }

  return (
    <Dialog open={waiting !== null} onClose={() => end(false)} title={t.shell.stepUp.title} subtitle={t.shell.stepUp.text} initialFocus={field}>
      <form
        className="pt-2"
        onSubmit={(event) => {
          event.preventDefault()
          void confirm()
        }}
      >
        <Field label={byCode ? t.shell.stepUp.code : t.shell.stepUp.password} error={error}>
          {(control) => (
            <Input
              {...control}
              ref={field}
              key={String(byCode)}
              type={byCode ? 'text' : 'password'}
              inputMode={byCode ? 'numeric' : undefined}
              autoComplete={byCode ? 'one-time-code' : 'current-password'}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div className="mt-5 flex items-center gap-2">
          {hasSecondFactor && (
            <Button kind="link" onClick={() => setByCode(!byCode)}>
              {byCode ? t.shell.stepUp.usePassword : t.shell.stepUp.useCode}
            </Button>
          )}
          <span className="flex-1" />
          <Button onClick={() => end(false)}>{t.common.cancel}</Button>
          <Button kind="primary" type="submit" busy={isBusy && t.shell.stepUp.confirming} disabled={text === ''}>
            {t.shell.stepUp.confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
