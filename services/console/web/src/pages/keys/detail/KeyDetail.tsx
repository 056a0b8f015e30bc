import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { usePageTitle } from '@/environment/title'
import { Copy } from '@/kit/Copy'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { ErrorPanel } from '@/kit/ErrorPanel'
import { KeyText } from '@/kit/KeyText'
import { PageHead } from '@/kit/PageHead'
import { Skeleton } from '@/kit/Skeleton'
import { LinkedTabs } from '@/kit/Tabs'
import { TextLink } from '@/kit/TextLink'
import { isEnvironment, type Environment } from '@/lib/environments'
import { asFailure } from '@/lib/problem'
import { choice } from '@/environment/choice'
import { t } from '@/strings'
import { findKey, type PlacedKey } from '../api'
import { KeyStatus } from '../list/KeyStatus'
import { useKeyScope } from '../scope'
import { useKeyActs } from '../useKeyActs'
import { KeyAccess } from './KeyAccess'
import { KeyHeadActions } from './KeyHeadActions'
import { KeyMarks } from './KeyMarks'
import { KeyHistory } from './KeyHistory'
import { KeyOverview } from './KeyOverview'
import { MissingKey } from './MissingKey'

const words = t.keys.detail

/** One key: what it is, what it may do, and what happened to it. */
export function KeyDetail() {
  const scope = useKeyScope()
  const { key: id = '' } = useParams({ strict: false }) as { key?: string }
  const search: { env?: string; tab?: string } = useSearch({ strict: false })
  const environment = isEnvironment(search.env) ? search.env : scope.present.length === 1 ? scope.present[0] : undefined
  const query = useQuery({
    queryKey: ['key', scope.kind, scope.org, environment, id],
    queryFn: async ({ signal }) => ({ ...(await findKey(scope, environment!, id, signal)).data, environment: environment! }),
    enabled: environment !== undefined,
  })
  usePageTitle(query.data?.name ?? t.keys.title)
  if (!environment)
    return <PageHead back={<Back />} title={t.keys.title} subtitle={words.noEnvironment} />
  if (query.isError && asFailure(query.error).status === 404 && scope.kind === 'organization')
    return <MissingKey environment={environment} id={id} failure={asFailure(query.error)} back={<Back />} />
  if (query.isError && !query.data)
    return (
      <>
        <PageHead back={<Back />} title={t.keys.title} />
        <ErrorPanel title={words.loadFailed} failure={asFailure(query.error)} onRetry={() => void query.refetch()} />
      </>
    )
  if (!query.data)
    return (
      <div className="px-4 wide:px-6">
        <Skeleton label={t.common.loading} lines={6} />
      </div>
    )
  return <Loaded placed={query.data} environment={environment} tab={search.tab ?? 'overview'} />
}

function Loaded({ placed, environment, tab }: { placed: PlacedKey; environment: Environment; tab: string }) {
  const scope = useKeyScope()
  const navigate = useNavigate()
  const acts = useKeyActs(() => void navigate({ to: scope.listPath as never, search: { env: choice.get() } as never }))
  const tabs = [
    { value: 'overview', label: words.tabs.overview },
    { value: 'access', label: words.tabs.access },
    ...(scope.kind === 'organization' ? [{ value: 'history', label: words.tabs.history }] : []),
  ]
  const current = tabs.some(({ value }) => value === tab) ? tab : 'overview'
  return (
    <>
      <PageHead
        back={<Back />}
        title={
          <>
            {placed.name} <EnvironmentBadge environment={environment} />
            <span className="text-13 font-normal">
              <KeyStatus placed={placed} bare />
            </span>
            <KeyMarks placed={placed} />
          </>
        }
        actions={<KeyHeadActions placed={placed} open={acts.open} />}
      />
      <div className="flex items-center gap-2 px-4 pt-1 pb-2 text-12 wide:px-6">
        <KeyText text={placed.hint} className="break-all" />
        <Copy text={placed.hint} />
      </div>
      <LinkedTabs label={words.tabsLabel} tabs={tabs} value={current} />
      {current === 'overview' && <KeyOverview placed={placed} />}
      {current === 'access' && <KeyAccess placed={placed} open={acts.open} />}
      {current === 'history' && <KeyHistory environment={environment} id={placed.id} />}
      {acts.element}
    </>
  )
}

function Back() {
  const { kind, listPath } = useKeyScope()
  return (
    <span className="flex items-center gap-1">
      <TextLink to={listPath as never} search={{ env: choice.get() } as never} className="font-normal! text-muted!">
        {kind === 'root' ? t.shell.nav.rootKeys : t.keys.title}
      </TextLink>
      <ChevronRight aria-hidden className="size-3.5" />
    </span>
  )
}
