import { useNavigate } from '@tanstack/react-router'
import { Ban, Copy as CopyIcon, Eye, Pencil, Play, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { Customer } from '@/client/types.gen'
import { MenuItem, MenuRule } from '@/kit/Menu'
import { RowMenu } from '@/kit/table/RowMenu'
import { toast } from '@/kit/Toast'
import { copyText } from '@/lib/clipboard'
import type { Placed } from '@/lib/merged'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { customers as customerTexts } from '@/strings/customers'
import { CustomerForm } from './CustomerForm'
import { DeleteCustomer, StandingOfCustomer } from './confirms'

const words = customerTexts.menu
export type CustomerAct = 'edit' | 'standing' | 'delete'

/** The dialog of an act with a customer. */
export function CustomerDialog({ act, customer, onClose }: { act: CustomerAct | null; customer: Placed<Customer>; onClose: (isGone?: boolean) => void }) {
  if (act === 'edit') return <CustomerForm customer={customer} onClose={() => onClose()} />
  if (act === 'standing') return <StandingOfCustomer customer={customer} onClose={() => onClose()} />
  if (act === 'delete') return <DeleteCustomer customer={customer} onClose={onClose} />
  return null
}

/** What can be done with a customer in a list. */
export function CustomerMenu({ customer }: { customer: Placed<Customer> }) {
  const { organization } = useOrganization()
  const { may } = useAuthority()
  const navigate = useNavigate()
  const [act, setAct] = useState<CustomerAct | null>(null)
  const { environment } = customer
  const isSuspended = customer.status === 'suspended'
  return (
    <>
      <RowMenu name={customer.name}>
        <MenuItem
          icon={<Eye aria-hidden />}
          onSelect={() =>
            void navigate({ to: '/o/$org/customers/$customer', params: { org: organization.slug, customer: customer.id }, search: { env: environment } })
          }
        >
          {words.view}
        </MenuItem>
        <MenuItem icon={<Pencil aria-hidden />} disabled={!may(environment, 'customers.update')} onSelect={() => setAct('edit')}>
          {words.edit}
        </MenuItem>
        <MenuItem icon={<CopyIcon aria-hidden />} onSelect={() => void copyText(customer.id).then((done) => done && toast(t.common.copied))}>
          {words.copyId}
        </MenuItem>
        <MenuItem
          icon={isSuspended ? <Play aria-hidden /> : <Ban aria-hidden />}
          disabled={!may(environment, 'customers.suspend')}
          onSelect={() => setAct('standing')}
        >
          {isSuspended ? words.resume : words.suspend}
        </MenuItem>
        <MenuRule />
        <MenuItem final icon={<Trash2 aria-hidden />} disabled={!may(environment, 'customers.delete')} onSelect={() => setAct('delete')}>
          {words.delete}
        </MenuItem>
      </RowMenu>
      <CustomerDialog act={act} customer={customer} onClose={() => setAct(null)} />
    </>
  )
}
