import { useState } from 'react'
import type { Domain } from '@/client/types.gen'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { Dialog } from '@/kit/Dialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Note } from '@/kit/Note'
import type { Placed } from '@/lib/merged'
import { useAuthority } from '@/session/useAuthority'
import { domains as domainTexts } from '@/strings/domains'
import { Verification } from './columns'
import { useCheck } from './DomainMenu'

const words = domainTexts.record

/** The record that proves a domain, to copy, and a check of it. */
export function DnsRecord({ domain: given, onClose }: { domain: Placed<Domain>; onClose: () => void }) {
  const { reason } = useAuthority()
  const [checked, setChecked] = useState<Domain | null>(null)
  const check = useCheck(given, setChecked)
  const domain = { ...given, ...checked }
  return (
    <Dialog
      open
      onClose={onClose}
      width={560}
      title={
        <>
          {domain.unicode_name} <EnvironmentBadge environment={domain.environment} />
        </>
      }
      subtitle={words.text}
      foot={
        <>
          <Button onClick={onClose}>{words.later}</Button>
          <Button kind="primary" busy={check.isBusy && domainTexts.checking} reason={reason(domain.environment, 'domains.check')} onClick={() => check.run()}>
            {words.check}
          </Button>
        </>
      }
    >
      <div className="grid gap-4 pt-1">
        <div className="text-13">
          <Verification domain={domain} />
        </div>
        <dl className="grid gap-px overflow-hidden rounded-panel border border-line bg-line text-13">
          <Row term={words.type} value="TXT" />
          <Row term={words.name} value={domain.challenge_name} copy={words.copyName} />
          <Row term={words.value} value={domain.challenge_value} copy={words.copyValue} />
        </dl>
        {check.failure && (
          <Note kind="refused" live>
            {check.failure.problem.detail}
          </Note>
        )}
        {checked && !check.isBusy && (
          <Note kind={checked.verified_at ? 'advice' : 'caution'} live>
            {checked.verified_at ? words.found : words.notFound}
          </Note>
        )}
      </div>
    </Dialog>
  )
}

const Row = ({ term, value, copy }: { term: string; value: string; copy?: string }) => (
  <div className="grid grid-cols-[4rem_minmax(0,1fr)_auto] items-center gap-3 bg-bg px-3 py-2">
    <dt className="text-muted">{term}</dt>
    <dd className="font-mono text-12 break-all">{value}</dd>
    {copy ? <Copy text={value} label={copy} /> : <span className="size-6" />}
  </div>
)
