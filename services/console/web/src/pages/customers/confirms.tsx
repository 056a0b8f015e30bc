import type { Customer } from '@/client/types.gen'
import { AlertDialog } from '@/kit/AlertDialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { organizationCall, path } from '@/lib/api'
import type { Placed } from '@/lib/merged'
import { useChange } from '@/lib/useChange'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { customers as customerTexts } from '@/strings/customers'
import { ScopeLoss } from '../scope/ScopeLoss'
import { customerLists } from './queries'

interface Props {
  customer: Placed<Customer>
  onClose: (isGone?: boolean) => void
}

const Subject = ({ customer }: { customer: Placed<Customer> }) => (
  <span className="flex flex-wrap items-center gap-2 font-medium">
    {customer.name} <EnvironmentBadge environment={customer.environment} />
  </span>
)

/** Suspends a customer, or lets a suspended one go on. */
export function StandingOfCustomer({ customer, onClose }: Props) {
  const { organization } = useOrganization()
  const verb = customer.status === 'suspended' ? 'resume' : 'suspend'
  const words = customerTexts[verb]
  const act = useChange(() => organizationCall(customer.environment, organization.slug, path('customers', customer.id, verb), { method: 'POST' }), {
    stale: [...customerLists(organization.slug), ['keys']],
    done: words.done,
    after: () => onClose(),
  })
  return (
    <AlertDialog
      open
      onClose={() => onClose()}
      title={words.title}
      subject={<Subject customer={customer} />}
      verb={words.verb}
      kind={verb === 'suspend' ? 'reversible' : 'primary'}
      busy={act.isBusy && words.busy}
      failure={act.failure}
      onConfirm={() => act.run()}
    >
      {words.text}
    </AlertDialog>
  )
}

export function DeleteCustomer({ customer, onClose }: Props) {
  const { organization } = useOrganization()
  const words = customerTexts.delete
  const act = useChange(() => organizationCall(customer.environment, organization.slug, path('customers', customer.id), { method: 'DELETE' }), {
    stale: [['customers', organization.slug], ['keys']],
    done: words.done,
    after: () => onClose(true),
  })
  return (
    <AlertDialog
      open
      onClose={() => onClose()}
      title={words.title}
      subject={<Subject customer={customer} />}
      verb={words.verb}
      kind="final"
      busy={act.isBusy && words.busy}
      failure={act.failure}
      typed={customer.environment === 'production' ? { label: t.common.typeToConfirm, text: customer.name } : undefined}
      onConfirm={() => act.run()}
    >
      <p>{words.text}</p>
      <ScopeLoss environment={customer.environment} filter={{ customer: customer.id }} scope={(key) => key.customers} />
    </AlertDialog>
  )
}
