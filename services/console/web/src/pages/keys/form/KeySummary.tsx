import { Check, Minus } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { CodeBlock } from '@/kit/CodeBlock'
import { Copy } from '@/kit/Copy'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { PanelTabs } from '@/kit/PanelTabs'
import { levelOf } from '@/kit/permissions/levels'
import { dateTimeOf, fromLocalField } from '@/lib/time'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import { limitText } from '../limits'
import { useKeyScope } from '../scope'
import { usePermissionGroups } from '../usePermissionTitles'
import { asCurl, asCurlPatch, asJson } from './asCode'
import type { FormPart } from './formTypes'
import { parseIps } from './ips'
import { limitsOf, toNewKey, toPatch } from './values'

const words = t.keyForm.summary

/** What the key may do, in plain words, and the same as a request. */
export function KeySummary({ form, editingId }: FormPart & { editingId: string | undefined }) {
  const { kind, org } = useKeyScope()
  const { values } = form
  const urlOf = usePublicUrl()
  const [language, setLanguage] = useState('cURL')
  const wrong = parseIps(values.ips).filter(({ error }) => error).length
  const end = fromLocalField(values.expires)
  const url = values.environment ? urlOf(values.environment) : '$BASE'
  const patch = toPatch(form.initial, values, kind)
  const created = toNewKey(values, kind)
  const body = editingId ? patch : created
  const curl = editingId ? asCurlPatch(url, org, editingId, patch) : asCurl(url, org, created)
  const code: Record<string, string> = kind === 'root' ? { JSON: asJson(body) } : { cURL: curl, JSON: asJson(body) }
  const chosen = language in code ? language : 'JSON'
  const rows: [string, ReactNode][] = [
    [
      words.where,
      <>
        {values.environment && <EnvironmentBadge environment={values.environment} />}
        {kind === 'organization' && (
          <>
            <div className="mt-1 break-words">{values.domains.join(', ') || words.allDomains}</div>
            {values.customers.length > 0 && <div className="text-muted">{words.forCustomers(t.keys.cell.customers(values.customers.length))}</div>}
          </>
        )}
      </>,
    ],
    [
      words.can,
      <>
        <Can form={form} />
        {values.roles.length > 0 && <div className="mt-1">{words.byRoles(values.roles.length)}</div>}
      </>,
    ],
    [
      words.from,
      <>
        {values.allIps ? words.anyAddress : words.addresses(parseIps(values.ips).length - wrong)}
        {!values.allIps && wrong > 0 && <span className="text-danger"> {words.toCorrect(wrong)}</span>}
      </>,
    ],
    [words.until, values.neverExpire || !end ? words.forever : dateTimeOf(end)],
    [
      words.atMost,
      values.limitsMode === 'default'
        ? words.defaultLimit
        : values.limitsMode === 'none'
          ? words.noLimit
          : limitsOf(values.limits).filter(({ limit }) => limit > 0).map(limitText).join(', '),
    ],
  ]
  return (
    <aside aria-label={words.title} className="text-13">
      <h3 className="mb-3 font-semibold">{words.title}</h3>
      <dl className="grid grid-cols-[4rem_minmax(0,1fr)] gap-y-3">
        {rows.map(([term, value]) => (
          <div key={term} className="contents">
            <dt className="text-muted">{term}</dt>
            <dd className="min-w-0">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-5">
        <PanelTabs
          value={chosen}
          onChange={setLanguage}
          tabs={Object.entries(code).map(([name, text]) => ({ value: name, label: name, content: <CodeBlock bare code={text} className="max-h-60 overflow-y-auto" /> }))}
          aside={(value) => <Copy text={code[value] ?? ''} />}
        />
      </div>
    </aside>
  )
}

/** Can and cannot, group by group. */
function Can({ form }: FormPart) {
  const { values } = form
  const { data: groups = [] } = usePermissionGroups(values.environment ?? undefined)
  const chosen = new Set(values.permissions)
  if (chosen.has('*')) return words.everything
  if (chosen.size === 0) return words.nothing
  const can = groups.filter((group) => levelOf(group, chosen) !== 'none')
  const cannot = groups.filter((group) => levelOf(group, chosen) === 'none')
  const known = new Set(groups.flatMap((group) => group.permissions.map(({ name }) => name)))
  const others = values.permissions.filter((name) => !known.has(name))
  return (
    <ul className="grid gap-1">
      {can.map((group) => (
        <li key={group.name} className="flex gap-1.5">
          <Check aria-hidden className="mt-0.5 size-3.5 text-active" />
          <span>
            {group.permissions.length === group.permissions.filter(({ name }) => chosen.has(name)).length
              ? `${group.name}: ${t.common.all.toLowerCase()}`
              : `${group.name}: ${group.permissions.filter(({ name }) => chosen.has(name)).map(({ name }) => name.split('.').at(-1)).join(', ')}`}
          </span>
        </li>
      ))}
      {others.length > 0 && (
        <li className="flex gap-1.5">
          <Check aria-hidden className="mt-0.5 size-3.5 text-active" />
          <span className="break-all">{others.join(', ')}</span>
        </li>
      )}
      {cannot.length > 0 && (
        <li className="flex gap-1.5 text-muted">
          <Minus aria-hidden className="mt-0.5 size-3.5" />
          <span>
            {words.cannot.toLowerCase()}: {cannot.map(({ name }) => name).join(', ')}
          </span>
        </li>
      )}
    </ul>
  )
}
