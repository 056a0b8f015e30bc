import { useNavigate } from '@tanstack/react-router'
import { Ban, Copy as CopyIcon, ExternalLink, Layers, Play, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { ofOrganization } from '@/control/queries'
import type { AdminOrganization } from '@/control/types'
import { AlertDialog } from '@/kit/AlertDialog'
import { MenuItem, MenuRule } from '@/kit/Menu'
import { RowMenu } from '@/kit/table/RowMenu'
import { toast } from '@/kit/Toast'
import { controlCall } from '@/lib/api'
import { copyText } from '@/lib/clipboard'
import { useChange } from '@/lib/useChange'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { admin as adminTexts } from '@/strings/admin'
import { ProvisioningDialog } from './ProvisioningDialog'

const words = adminTexts.organizations
type Act = 'suspend' | 'resume' | 'delete'

export function OrganizationMenu({ organization }: { organization: AdminOrganization }) {
  const navigate = useNavigate()
  const session = useSession()
  const [act, setAct] = useState<Act | 'provisioning' | null>(null)
  const isMember = session.organizations.some(({ id }) => id === organization.id)
  const standing = organization.suspended ? 'resume' : 'suspend'
  return (
    <>
      <RowMenu name={organization.name}>
        {isMember && (
          <MenuItem icon={<ExternalLink aria-hidden />} onSelect={() => void navigate({ to: '/o/$org', params: { org: organization.slug } })}>
            {words.menu.open}
          </MenuItem>
        )}
        <MenuItem icon={<Layers aria-hidden />} onSelect={() => setAct('provisioning')}>
          {words.menu.provisioning}
        </MenuItem>
        <MenuItem icon={<CopyIcon aria-hidden />} onSelect={() => void copyText(organization.id).then((done) => done && toast(t.common.copied))}>
          {words.menu.copyId}
        </MenuItem>
        <MenuItem icon={organization.suspended ? <Play aria-hidden /> : <Ban aria-hidden />} onSelect={() => setAct(standing)}>
          {words.menu[standing]}
        </MenuItem>
        <MenuRule />
        <MenuItem final icon={<Trash2 aria-hidden />} onSelect={() => setAct('delete')}>
          {words.menu.delete}
        </MenuItem>
      </RowMenu>
      {act === 'provisioning' && <ProvisioningDialog organization={organization} onClose={() => setAct(null)} />}
      {act && act !== 'provisioning' && <Confirm organization={organization} act={act} onClose={() => setAct(null)} />}
    </>
  )
}

function Confirm({ organization, act, onClose }: { organization: AdminOrganization; act: Act; onClose: () => void }) {
  const own = words[act]
  const path = ofOrganization(organization.id)
  const change = useChange(() => (act === 'delete' ? controlCall(path, { method: 'DELETE' }) : controlCall(`${path}/${act}`, { method: 'POST' })), {
    stale: [['admin', 'organizations'], ['session']],
    done: own.done,
    after: onClose,
  })
  return (
    <AlertDialog
      open
      onClose={onClose}
      title={own.title}
      subject={
        <>
          <span className="font-medium">{organization.name}</span> <span className="font-mono text-12 text-muted">{organization.slug}</span>
        </>
      }
      verb={own.verb}
      kind={act === 'delete' ? 'final' : act === 'suspend' ? 'reversible' : 'primary'}
      busy={change.isBusy && own.busy}
      failure={change.failure}
      typed={act === 'delete' ? { label: words.delete.typed, text: organization.slug } : undefined}
      onConfirm={() => change.run()}
    >
      {own.text}
    </AlertDialog>
  )
}
