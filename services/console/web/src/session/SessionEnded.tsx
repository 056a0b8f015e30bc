import { Dialog as Base } from '@base-ui/react/dialog'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Button, buttonLook } from '@/kit/Button'
import { controlCall } from '@/lib/api'
import { sessionEnded } from '@/lib/http'
import { useHeld } from '@/lib/useHeld'
import { t } from '@/strings'
import { sessionQuery } from './useSession'
import type { Session } from './types'

/**
 * Lies over the page when the session has ended. Signing in happens in a tab of its own, so that nothing typed here is lost;
 * this page goes on as soon as the same person is signed in again.
 */
export function SessionEnded() {
  const ended = useHeld(sessionEnded)
  const client = useQueryClient()
  const [note, setNote] = useState('')

  useEffect(() => {
    if (!ended) return
    const check = () => void goOn(false)
    addEventListener('focus', check)
    return () => removeEventListener('focus', check)
    // `goOn` reads nothing that changes while the overlay is open.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [ended])

  async function goOn(isAsked: boolean) {
    const before = client.getQueryData(sessionQuery.queryKey)
    const now = await controlCall<Session>('/session').then(
      ({ data }) => data,
      () => null,
    )
    if (!now) {
      if (isAsked) setNote(t.shell.ended.still)
      return
    }
    if (before && before.user.id !== now.user.id) {
      setNote(t.shell.ended.other)
      return
    }
    client.setQueryData(sessionQuery.queryKey, now)
    sessionEnded.set(false)
    setNote('')
    void client.invalidateQueries()
  }

  if (!ended) return null
  const next = location.pathname + location.search
  return (
    <Base.Root open>
      <Base.Portal>
        <Base.Backdrop className="part-scrim z-50" />
        <Base.Viewport className="fixed inset-0 z-50 flex items-center justify-center p-4">
          <Base.Popup className="part-dialog w-90 max-w-full p-6 outline-none">
            <Base.Title className="text-16 font-semibold">{t.shell.ended.title}</Base.Title>
            <Base.Description className="mt-1.5 text-13 text-muted">{t.shell.ended.text}</Base.Description>
            {note && (
              <p role="status" className="mt-3 text-13 text-soon">
                {note}
              </p>
            )}
            <div className="mt-4 flex gap-2">
              <a className={buttonLook('primary')} href={`/login?next=${encodeURIComponent(next)}`} target="_blank" rel="noreferrer">
                {t.shell.ended.signIn}
              </a>
              <Button kind="ghost" onClick={() => void goOn(true)}>
                {t.shell.ended.check}
              </Button>
            </div>
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  )
}
