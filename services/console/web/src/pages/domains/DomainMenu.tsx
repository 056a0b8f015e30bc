import { useNavigate } from '@tanstack/react-router'
import { Copy as CopyIcon, FileText, KeyRound, RefreshCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { Domain } from '@/client/types.gen'
import { AlertDialog } from '@/kit/AlertDialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { MenuItem, MenuRule } from '@/kit/Menu'
import { RowMenu } from '@/kit/table/RowMenu'
import { toast } from '@/kit/Toast'
import { organizationCall, path } from '@/lib/api'
import { copyText } from '@/lib/clipboard'
import type { Placed } from '@/lib/merged'
import { useChange } from '@/lib/useChange'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { domains as domainTexts } from '@/strings/domains'
import { ScopeLoss } from '../scope/ScopeLoss'

const words = domainTexts

/** Looks for a domain's record now. */
export function useCheck(domain: Placed<Domain>, after?: (checked: Domain) => void) {
  const { organization } = useOrganization()
  return useChange(
    async () => (await organizationCall<Domain>(domain.environment, organization.slug, path('domains', domain.id, 'check'), { method: 'POST' })).data,
    {
      stale: [['domains', organization.slug]],
      done: (checked) => words.checked(checked.verified_at !== null, checked.unicode_name),
      after,
    },
  )
}

export function DomainMenu({ domain, onRecord }: { domain: Placed<Domain>; onRecord: () => void }) {
  const { organization } = useOrganization()
  const { may } = useAuthority()
  const navigate = useNavigate()
  const check = useCheck(domain)
  const [isDeleting, setDeleting] = useState(false)
  const { environment, name } = domain
  return (
    <>
      <RowMenu name={domain.unicode_name}>
        <MenuItem icon={<FileText aria-hidden />} onSelect={onRecord}>
          {words.menu.record}
        </MenuItem>
        <MenuItem icon={<RefreshCw aria-hidden />} disabled={!may(environment, 'domains.check') || check.isBusy} onSelect={() => check.run()}>
          {words.menu.check}
        </MenuItem>
        <MenuItem
          icon={<KeyRound aria-hidden />}
          onSelect={() => void navigate({ to: '/o/$org/integrations/api-keys', params: { org: organization.slug }, search: { env: environment, domain: name } })}
        >
          {words.menu.keys}
        </MenuItem>
        <MenuItem icon={<CopyIcon aria-hidden />} onSelect={() => void copyText(domain.id).then((done) => done && toast(t.common.copied))}>
          {words.menu.copyId}
        </MenuItem>
        <MenuRule />
        <MenuItem final icon={<Trash2 aria-hidden />} disabled={!may(environment, 'domains.delete')} onSelect={() => setDeleting(true)}>
          {words.menu.delete}
        </MenuItem>
      </RowMenu>
      {isDeleting && <DeleteDomain domain={domain} onClose={() => setDeleting(false)} />}
    </>
  )
}

function DeleteDomain({ domain, onClose }: { domain: Placed<Domain>; onClose: () => void }) {
  const { organization } = useOrganization()
  const act = useChange(() => organizationCall(domain.environment, organization.slug, path('domains', domain.id), { method: 'DELETE' }), {
    stale: [['domains', organization.slug], ['keys']],
    done: words.delete.done,
    after: onClose,
  })
  return (
    <AlertDialog
      open
      onClose={onClose}
      title={words.delete.title}
      subject={
        <span className="flex flex-wrap items-center gap-2 font-medium">
          {domain.unicode_name} <EnvironmentBadge environment={domain.environment} />
        </span>
      }
      verb={words.delete.verb}
      kind="final"
      busy={act.isBusy && words.delete.busy}
      failure={act.failure}
      typed={domain.environment === 'production' ? { label: t.common.typeToConfirm, text: domain.unicode_name } : undefined}
      onConfirm={() => act.run()}
    >
      <p>{words.delete.text}</p>
      <ScopeLoss environment={domain.environment} filter={{ domain: domain.name }} scope={(key) => key.domains} />
    </AlertDialog>
  )
}
