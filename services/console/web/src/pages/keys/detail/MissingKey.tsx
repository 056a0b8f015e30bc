import type { ReactNode } from 'react'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { ErrorPanel } from '@/kit/ErrorPanel'
import { PageHead } from '@/kit/PageHead'
import { Skeleton } from '@/kit/Skeleton'
import { StatusBadge } from '@/kit/StatusBadge'
import type { Environment } from '@/lib/environments'
import type { Failure } from '@/lib/problem'
import { t } from '@/strings'
import { KeyHistory } from './KeyHistory'
import { useHistory, type Action } from './useHistory'

interface Props {
  environment: Environment
  id: string
  failure: Failure
  back: ReactNode
}

/** The name that a deleted key had, from what is known of its changes. */
function nameIn(actions: Action[]): string | undefined {
  for (const { before, after } of actions)
    for (const state of [before, after]) {
      const name = (state as { name?: unknown } | null)?.name
      if (typeof name === 'string') return name
    }
  return undefined
}

/** A key that is not there: with a history it was deleted, and shows it; without one there is no such key. */
export function MissingKey({ environment, id, failure, back }: Props) {
  const history = useHistory(environment, id)
  const actions = history.data?.pages.flatMap((page) => page.items) ?? []
  if (history.isPending)
    return (
      <div className="px-4 wide:px-6">
        <Skeleton label={t.common.loading} />
      </div>
    )
  if (actions.length === 0)
    return (
      <>
        <PageHead back={back} title={t.keys.title} />
        <ErrorPanel title={t.keys.detail.loadFailed} failure={failure} />
      </>
    )
  return (
    <>
      <PageHead
        back={back}
        title={
          <>
            {nameIn(actions) ?? id} <EnvironmentBadge environment={environment} />
            <span className="text-13 font-normal">
              <StatusBadge look="deleted">{t.keys.status.deleted}</StatusBadge>
            </span>
          </>
        }
        subtitle={t.keys.detail.deleted}
      />
      <div className="mt-4 border-t border-line">
        <KeyHistory environment={environment} id={id} />
      </div>
    </>
  )
}
