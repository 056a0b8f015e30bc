import { TriangleAlert } from 'lucide-react'
import type { Domain } from '@/client/types.gen'
import { Button } from '@/kit/Button'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { StatusBadge } from '@/kit/StatusBadge'
import type { Column } from '@/kit/table/columns'
import { Time } from '@/kit/Time'
import type { Placed } from '@/lib/merged'
import { domains as domainTexts } from '@/strings/domains'

const words = domainTexts

export function Verification({ domain }: { domain: Domain }) {
  return domain.verified_at ? (
    <StatusBadge look="active" marks={[{ text: <Time at={domain.verified_at} form="brief" /> }]}>
      {words.status.verified}
    </StatusBadge>
  ) : (
    <StatusBadge look="pending" marks={[{ text: words.notSeen }]}>
      {words.status.pending}
    </StatusBadge>
  )
}

/** The name as people read it, its ASCII form where that differs, and what to look at twice. */
function Name({ domain }: { domain: Domain }) {
  return (
    <>
      <span className="font-medium break-all">{domain.unicode_name}</span>
      {domain.unicode_name !== domain.name && <span className="block font-mono text-12 text-muted">{domain.name}</span>}
      {domain.warnings.map((warning) => (
        <span key={warning} className="flex items-center gap-1 text-12 whitespace-normal text-soon">
          <TriangleAlert aria-hidden className="size-3" /> {warning}
        </span>
      ))}
    </>
  )
}

export const domainColumns = (showsEnvironment: boolean, onRecord: (domain: Placed<Domain>) => void): Column<Placed<Domain>>[] => [
  { id: 'name', header: words.columns.name, isRowHeader: true, bar: 'w-40', cell: (domain) => <Name domain={domain} /> },
  ...(showsEnvironment
    ? [{ id: 'environment', header: words.columns.environment, fixed: true, cell: ({ environment }: Placed<Domain>) => <EnvironmentBadge environment={environment} /> }]
    : []),
  {
    id: 'verification',
    header: words.columns.verification,
    cell: (domain) => (
      <span className="flex items-center gap-4">
        <Verification domain={domain} />
        {!domain.verified_at && (
          <Button size="row" onClick={() => onRecord(domain)}>
            {words.menu.record}
          </Button>
        )}
      </span>
    ),
  },
  { id: 'added', header: words.columns.added, cell: ({ created_at }) => <Time at={created_at} /> },
]

export function DomainCard({ domain, onRecord }: { domain: Placed<Domain>; onRecord: () => void }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] items-start gap-x-3 gap-y-2 *:even:justify-self-end">
      <div>
        <Name domain={domain} />
      </div>
      <Verification domain={domain} />
      <span>
        <EnvironmentBadge environment={domain.environment} />
      </span>
      {!domain.verified_at && (
        <Button size="row" onClick={onRecord}>
          {words.menu.record}
        </Button>
      )}
    </div>
  )
}
