import { BlockError } from '@/kit/BlockError'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { DiffView, differences } from '@/kit/DiffView'
import { Empty } from '@/kit/Empty'
import { Skeleton } from '@/kit/Skeleton'
import { Time } from '@/kit/Time'
import type { Environment } from '@/lib/environments'
import { asFailure } from '@/lib/problem'
import { t } from '@/strings'
import { useHistory, type Action } from './useHistory'

const words = t.keys.detail.history

/** Every change of a key: what, by whom, and from where. */
export function KeyHistory({ environment, id }: { environment: Environment; id: string }) {
  const query = useHistory(environment, id)
  if (query.isError)
    return (
      <div className="p-4 wide:p-6">
        <BlockError title={words.loadFailed} failure={asFailure(query.error)} onRetry={() => void query.refetch()} />
      </div>
    )
  if (query.isPending)
    return (
      <div className="px-4 wide:px-6">
        <Skeleton label={t.common.loading} />
      </div>
    )
  const actions = query.data.pages.flatMap((page) => page.items)
  if (actions.length === 0) return <Empty title={words.empty} />
  return (
    <div className="px-4 pb-10 wide:px-6">
      <ol>
        {actions.map((action) => (
          <Entry key={action.id} action={action} />
        ))}
      </ol>
      {query.hasNextPage && (
        <Button size="bar" className="mt-4" busy={query.isFetchingNextPage && t.common.loading} onClick={() => void query.fetchNextPage()}>
          {t.common.loadMore}
        </Button>
      )}
    </div>
  )
}

const Entry = ({ action }: { action: Action }) => (
  <li className="grid gap-2 border-b border-line py-4 text-13 wide:grid-cols-[18rem_minmax(0,1fr)] wide:gap-6">
    <div>
      <div className="font-medium">{action.action}</div>
      <div className="text-12 text-muted">
        <Time at={action.at} form="absolute" /> {words.by} {action.actor.name ?? action.actor.id}
      </div>
      <div className="flex flex-wrap items-center gap-x-2 font-mono text-12 text-muted">
        {action.address}
        {action.request_id && (
          <span className="inline-flex items-center gap-1">
            {action.request_id} <Copy text={action.request_id} label={t.common.requestId} />
          </span>
        )}
      </div>
    </div>
    {differences(action.before, action.after).length > 0 ? (
      <DiffView before={action.before} after={action.after} />
    ) : (
      <span className="text-muted">{words.noChange}</span>
    )}
  </li>
)
