import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleHelp, ExternalLink, Plus } from 'lucide-react'
import { useCallback, useMemo, useState, type ReactNode } from 'react'
import { useEnvironmentChoice } from '@/environment/useEnvironment'
import { Button, buttonLook } from '@/kit/Button'
import { ErrorPanel } from '@/kit/ErrorPanel'
import { FilterBar, type FilterValues } from '@/kit/FilterBar'
import { Note } from '@/kit/Note'
import { StaleNote } from '@/kit/StaleNote'
import { PageHead } from '@/kit/PageHead'
import { BulkBar } from '@/kit/table/BulkBar'
import { ColumnChooser } from '@/kit/table/ColumnChooser'
import { DataTable } from '@/kit/table/DataTable'
import { ListFoot } from '@/kit/table/ListFoot'
import { RowMenu } from '@/kit/table/RowMenu'
import { TablePage } from '@/kit/table/TablePage'
import { useColumns } from '@/kit/table/useColumns'
import { useMerged } from '@/lib/merged'
import { count } from '@/lib/numbers'
import { asFailure } from '@/lib/problem'
import { publicPartOf } from '@/lib/secrets'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import { listKeys, type PlacedKey } from './api'
import { KeyFormDialog } from './form/KeyFormDialog'
import { BulkActs, type BulkAct } from './list/BulkActs'
import { keyColumns } from './list/columns'
import { ExportMenu } from './list/ExportMenu'
import { filterFields, filterQuery, isFiltered, sortOf, type KeyFilters } from './list/filters'
import { KeyCard } from './list/KeyCard'
import { KeysEmpty } from './list/KeysEmpty'
import { RefusedHelp } from './list/RefusedHelp'
import { KeyMenuItems } from './KeyMenuItems'
import { keyOrder } from './order'
import { useKeyScope } from './scope'
import { useKeyActs } from './useKeyActs'
import { usePermissionTitles } from './usePermissionTitles'

interface Props {
  title: string
  subtitle: string
  createLabel: string
  /** Between the head and the filters. */
  note?: ReactNode
}

const bulkPermissions: [BulkAct, string][] = [
  ['reactivate', 'keys.revoke'],
  ['setExpiry', 'keys.update'],
  ['revoke', 'keys.revoke'],
  ['delete', 'keys.delete'],
]

/** The list of keys with everything that can be done there: for an organization's keys and for root keys. */
export function KeysView({ title, subtitle, createLabel, note }: Props) {
  const scope = useKeyScope()
  const { kind, org, present } = scope
  const view = useEnvironmentChoice()
  const environments = useMemo(() => (view === 'all' ? present : present.filter((name) => name === view)), [view, present])
  const { env: _, form, ...filters }: KeyFilters & { env?: string; form?: string } = useSearch({ strict: false })
  const navigate = useNavigate()
  const change = useCallback(
    (next: Record<string, string | undefined>, replace = false) =>
      void navigate({ to: '.', replace, search: (before: Record<string, unknown>) => ({ ...before, ...next }) as never }),
    [navigate],
  )

  // The instants of relative filters stand still while the filter does, or every render would ask anew.
  const wanted = JSON.stringify(filters)
  const query = useMemo(() => filterQuery(JSON.parse(wanted) as KeyFilters, new Date()), [wanted])
  const sort = sortOf(filters)
  const compare = useMemo(() => keyOrder(sort), [sort])
  const list = useMerged({
    key: ['keys', kind, org, query],
    environments,
    compare,
    fetch: (environment, cursor, signal) => listKeys({ kind, org }, environment, { query: { ...query, count: true, cursor }, signal }),
  })

  const urlOf = usePublicUrl()
  const titles = usePermissionTitles(environments[0])
  const columns = useColumns(
    kind === 'root' ? 'root-keys' : 'keys',
    useMemo(() => keyColumns(kind, view === 'all', titles), [kind, view, titles]),
  )
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const chosen = list.items.filter(({ id }) => selected.has(id))
  const [bulk, setBulk] = useState<BulkAct | null>(null)
  const acts = useKeyActs()
  // The rows are drawn anew when these change.
  const { open } = acts
  const rowActions = useCallback((key: PlacedKey) => <RowActions placed={key} open={open} />, [open])
  const { listPath } = scope
  const openKey = useCallback(
    ({ id, environment }: PlacedKey) => void navigate({ to: `${listPath}/${id}` as never, search: { env: environment } as never }),
    [navigate, listPath],
  )
  const [isPasted, setPasted] = useState(false)
  const [isHelpOpen, setHelpOpen] = useState(false)

  const search = useCallback((text: string) => change({ q: text || undefined }, true), [change])
  // A pasted secret does not even stay in the field: not in the address, not on its way to the server.
  const clean = (text: string) => {
    const part = publicPartOf(text)
    setPasted(part !== null)
    return part ?? text
  }
  const clear = () => change(Object.fromEntries(Object.keys(filters).filter((name) => name !== 'sort').map((name) => [name, undefined])))
  const canCreate = environments.find((environment) => scope.may(environment, 'keys.create'))
  const heldBack = canCreate || !environments[0] ? undefined : scope.reason(environments[0], 'keys.create')
  const failure = list.isError && list.items.length === 0 ? asFailure(list.error) : null
  const words = t.keys.bulk
  // Only what the person may do in one of the environments; the API decides about each key.
  const bulkActs = bulkPermissions.filter(([, permission]) => environments.some((environment) => scope.may(environment, permission)))
  const total = list.total === undefined ? '' : `${count(list.total)}${list.totalIsExact ? '' : '+'} ${t.keys.noun}`

  return (
    <TablePage
      head={
        <>
          <PageHead
            title={title}
            subtitle={subtitle}
            actions={
              <>
                {kind === 'organization' && environments[0] && (
                  <a className={`${buttonLook('ghost')} max-wide:hidden`} href={`${urlOf(environments[0]).replace(/\/$/, '')}/v1/docs`} target="_blank" rel="noreferrer">
                    <ExternalLink aria-hidden /> {t.keys.docs}
                  </a>
                )}
                <Button kind="ghost" icon={<CircleHelp aria-hidden />} className="max-wide:hidden" onClick={() => setHelpOpen(true)}>
                  {t.keys.refused.title}
                </Button>
                <ExportMenu environments={environments} query={query} />
                <Button kind="primary" icon={<Plus aria-hidden />} reason={heldBack} data-create="" onClick={() => change({ form: 'new' })}>
                  {createLabel}
                </Button>
              </>
            }
          />
          {note}
          <FilterBar
            search={{ value: filters.q ?? '', label: t.keys.search, onChange: search, clean }}
            fields={filterFields(kind, [...titles].map(([value, label]) => ({ value, label })))}
            values={filters as FilterValues}
            onChange={change}
            aside={
              <>
                <span role="status" className="max-wide:hidden">
                  {total}
                </span>
                <ColumnChooser columns={columns} />
              </>
            }
          />
          {isPasted && (
            <Note kind="caution" className="mx-4 mb-3 wide:mx-6" live>
              {t.keys.pasted}
            </Note>
          )}
        </>
      }
    >
      {failure ? (
        <ErrorPanel title={t.keys.loadFailed} failure={failure} onRetry={() => void list.refetch()} />
      ) : !list.isPending && list.items.length === 0 && list.failures.length === 0 ? (
        <KeysEmpty view={view} environments={environments} isFiltered={isFiltered(filters)} onClear={clear} onCreate={canCreate && (() => change({ form: 'new' }))} />
      ) : (
        <>
          {list.isRefetchError && <StaleNote at={list.dataUpdatedAt} onRetry={() => void list.refetch()} />}
          <DataTable
            label={title}
            columns={columns.shown}
            rows={list.items}
            rowId={({ id }) => id}
            rowName={({ name }) => name}
            selection={bulkActs.length > 0 ? { ids: selected, onChange: setSelected } : undefined}
            sorting={{ value: sort, onChange: (value) => change({ sort: value }) }}
            isLoading={list.isPending && environments.length > 0}
            isDimmed={list.isPlaceholderData || list.isRefetchError}
            onOpen={openKey}
            actions={rowActions}
            card={(key) => <KeyCard placed={key} titles={titles} />}
          />
          {!list.isPending && <ListFoot list={list} noun={t.keys.noun} />}
        </>
      )}
      <BulkBar
        count={chosen.length}
        onClear={() => setSelected(new Set())}
        all={chosen.length < list.items.length ? { label: words.selectLoaded(list.items.length), onSelect: () => setSelected(new Set(list.items.map(({ id }) => id))) } : undefined}
        actions={bulkActs.map(([act]) => ({ label: words[act], onSelect: () => setBulk(act), final: act === 'delete' }))}
      />
      {bulk && (
        <BulkActs act={bulk} keys={chosen} onClose={() => setBulk(null)} onDone={(failed) => setSelected(new Set(failed.map(({ id }) => id)))} />
      )}
      {acts.element}
      <RefusedHelp isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} onFilter={(next) => change(next)} />
      {form === 'new' && <KeyFormDialog onClose={() => change({ form: undefined }, true)} preset={view === 'all' ? 'development' : view} />}
    </TablePage>
  )
}

function RowActions({ placed, open }: { placed: PlacedKey; open: ReturnType<typeof useKeyActs>['open'] }) {
  const { may } = useKeyScope()
  return (
    <span className="inline-flex items-center gap-1">
      {may(placed.environment, 'keys.update') && (
        <Button
          size="row"
          className="opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 focus-visible:opacity-100 max-wide:hidden"
          aria-label={`${t.keys.edit} ${placed.name}`}
          onClick={() => open('edit', placed)}
        >
          {t.keys.edit}
        </Button>
      )}
      <RowMenu name={placed.name}>
        <KeyMenuItems placed={placed} open={open} />
      </RowMenu>
    </span>
  )
}
