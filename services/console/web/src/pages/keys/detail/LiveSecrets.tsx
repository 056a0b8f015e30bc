import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Secret } from '@/client/types.gen'
import { AlertDialog } from '@/kit/AlertDialog'
import { BlockError } from '@/kit/BlockError'
import { Button } from '@/kit/Button'
import { KeyText } from '@/kit/KeyText'
import { Note } from '@/kit/Note'
import { Section } from '@/kit/Section'
import { Skeleton } from '@/kit/Skeleton'
import { Time } from '@/kit/Time'
import { toast } from '@/kit/Toast'
import { asFailure } from '@/lib/problem'
import { useAct } from '@/lib/useAct'
import { t } from '@/strings'
import { keysChanged, listSecrets, retireSecret, type PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import { SecretLanes } from './SecretLanes'

const words = t.keys.detail

/** The secrets that prove a key now, each with its own clock. */
export function LiveSecrets({ placed }: { placed: PlacedKey }) {
  const scope = useKeyScope()
  const query = useQuery({
    queryKey: ['key', scope.kind, scope.org, placed.environment, placed.id, 'secrets'],
    queryFn: ({ signal }) => listSecrets(scope, placed.environment, placed.id, signal),
  })
  const live = (query.data ?? []).filter(({ is_active }) => is_active).toSorted((one, other) => other.created_at.localeCompare(one.created_at))
  const [current, ...previous] = live
  return (
    <Section title={words.secrets} detail={query.data && words.secretsDetail(live.length)}>
      {query.isError && <BlockError title={words.loadFailed} failure={asFailure(query.error)} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton label={t.common.loading} lines={2} />}
      {previous.length > 0 && <SecretLanes secrets={live} />}
      <table className="w-full text-13">
        <caption className="sr-only">{words.secrets}</caption>
        <tbody>
          {live.map((secret, index) => (
            <SecretRow key={secret.id} secret={secret} isCurrent={index === 0} placed={placed} />
          ))}
        </tbody>
      </table>
      {current && previous.map((secret) => <RetireNote key={secret.id} secret={secret} current={current} />)}
      {live.some(({ is_duplicated }) => is_duplicated) && (
        <Note kind="refused" className="mt-3">
          {words.duplicated}
        </Note>
      )}
    </Section>
  )
}

function SecretRow({ secret, isCurrent, placed }: { secret: Secret; isCurrent: boolean; placed: PlacedKey }) {
  const scope = useKeyScope()
  const act = useAct()
  const [isAsking, setAsking] = useState(false)
  async function end() {
    if (!(await act.run(() => retireSecret(scope, placed.environment, placed.id, secret.id)))) return
    setAsking(false)
    toast(words.endedDone)
    await keysChanged()
  }
  return (
    <tr className="border-t border-line [&>*]:py-2 [&>*]:pr-3">
      <th scope="row" className="text-left font-medium">
        {isCurrent ? words.current : words.previous}
      </th>
      <td className="max-wide:hidden">
        <KeyText text={secret.hint} className="text-12" />
      </td>
      <td>
        {t.keys.columns.lastUsed} <Time at={secret.last_used_at} none={t.keys.cell.neverUsed} />
        {secret.last_used_ip && <span className="text-muted"> {secret.last_used_ip}</span>}
      </td>
      <td className="pr-0! text-right">
        {!isCurrent && (
          <Button size="row" reason={scope.reason(placed.environment, 'keys.regenerate')} onClick={() => setAsking(true)}>
            {words.endNow}
          </Button>
        )}
        <AlertDialog
          open={isAsking}
          title={words.endNowTitle}
          verb={words.endNow}
          kind="reversible"
          busy={act.isBusy && words.ending}
          failure={act.failure}
          onClose={() => setAsking(false)}
          onConfirm={() => void end()}
        >
          {words.endNowText}
        </AlertDialog>
      </td>
    </tr>
  )
}

/** Whether the old secret can go: nobody has used it since the new one was made. */
function RetireNote({ secret, current }: { secret: Secret; current: Secret }) {
  const isStillUsed = secret.last_used_at !== null && secret.last_used_at > current.created_at
  return (
    <Note kind={isStillUsed ? 'caution' : 'advice'} className="mt-3">
      {isStillUsed ? words.notSafe(secret.last_used_ip ?? '') : words.safe}
    </Note>
  )
}
