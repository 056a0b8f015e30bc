import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { sessionsQuery } from '@/control/queries'
import type { AccountSession } from '@/control/types'
import { AlertDialog } from '@/kit/AlertDialog'
import { Button } from '@/kit/Button'
import { Loaded } from '@/kit/Loaded'
import { Section } from '@/kit/Section'
import { Time } from '@/kit/Time'
import { controlCall, path } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { t } from '@/strings'
import { account as accountTexts } from '@/strings/account'
import { SettingsPage } from '../settings/SettingsPage'
import { Devices } from './Devices'

const words = accountTexts.sessions
const stale = [['account', 'sessions']]

export function SessionsPage() {
  const query = useQuery(sessionsQuery)
  const [isAsking, setAsking] = useState(false)
  const endOthers = useChange(async () => (await controlCall<{ revoked: number }>('/account/sessions/revoke-others', { method: 'POST' })).data.revoked, {
    stale,
    done: words.endedOthers,
    after: () => setAsking(false),
  })
  const others = query.data?.filter(({ is_current }) => !is_current).length ?? 0
  return (
    <SettingsPage title={words.title} subtitle={words.subtitle} actions={others > 0 && <Button onClick={() => setAsking(true)}>{words.endOthers}</Button>}>
      <div className="px-4 pb-6 wide:px-6">
        <Loaded query={query} failed={words.failed} block>
          {(sessions) => (
            <ul>
              {sessions.map((session) => (
                <SessionRow key={session.id} session={session} />
              ))}
            </ul>
          )}
        </Loaded>
      </div>
      <div className="border-t border-line">
        <Section title={words.devices} detail={words.devicesDetail}>
          <Devices />
        </Section>
      </div>
      <AlertDialog
        open={isAsking}
        onClose={() => setAsking(false)}
        title={words.endOthers}
        verb={words.endOthers}
        kind="reversible"
        busy={endOthers.isBusy && words.ending}
        failure={endOthers.failure}
        onConfirm={() => endOthers.run()}
      >
        {words.endOthersText}
      </AlertDialog>
    </SettingsPage>
  )
}

function SessionRow({ session }: { session: AccountSession }) {
  const change = useChange(() => controlCall(path('account', 'sessions', session.id, 'revoke'), { method: 'POST' }), { stale, done: words.ended })
  return (
    <li className="flex flex-wrap items-center gap-x-6 gap-y-1 border-b border-line py-2.5 text-13">
      <span className="min-w-0 flex-1 basis-60">
        <span className="font-medium" title={session.agent ?? undefined}>
          {session.device || words.unknownDevice}
        </span>{' '}
        {session.is_current && <span className="text-muted">{words.current}</span>}
        <span className="block font-mono text-12 text-muted">{session.address ?? t.common.none}</span>
        {change.failure && <span className="block text-12 text-danger">{change.failure.problem.detail}</span>}
      </span>
      <span className="w-52 text-12 text-muted">
        <span className="block">
          {words.lastSeen}
          <Time at={session.last_seen_at} />
        </span>
        {words.since}
        <Time at={session.created_at} form="brief" />
      </span>
      <span className="w-16 text-right">
        {!session.is_current && (
          <Button size="row" kind="reversible" disabled={change.isBusy} onClick={() => change.run()}>
            {words.end}
          </Button>
        )}
      </span>
    </li>
  )
}
