import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { Ban, Pencil, Play, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { Customer } from '@/client/types.gen'
import { usePageTitle } from '@/environment/title'
import { useEnvironments } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { CodeBlock } from '@/kit/CodeBlock'
import { Copy } from '@/kit/Copy'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Facts } from '@/kit/Facts'
import { Loaded } from '@/kit/Loaded'
import { PageHead } from '@/kit/PageHead'
import { Section } from '@/kit/Section'
import { TextLink } from '@/kit/TextLink'
import { Time } from '@/kit/Time'
import type { Placed } from '@/lib/merged'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { customers as customerTexts } from '@/strings/customers'
import { limitText } from '../keys/limits'
import { CustomerStatus } from './columns'
import { CustomerDialog, type CustomerAct } from './CustomerMenu'
import { CustomerKeys } from './CustomerKeys'
import { customerQuery } from './queries'
import { PickEnvironment } from '../PickEnvironment'

const words = customerTexts

export function CustomerPage() {
  const { customer: id = '' } = useParams({ strict: false }) as { customer?: string }
  const { environments } = useEnvironments()
  const environment = environments.length === 1 ? environments[0] : undefined
  if (!environment) return <PickEnvironment title={words.title} />
  return <OneCustomer key={`${environment} ${id}`} environment={environment} id={id} />
}

function OneCustomer({ environment, id }: { environment: Placed<Customer>['environment']; id: string }) {
  const { organization } = useOrganization()
  const query = useQuery(customerQuery(environment, organization.slug, id))
  usePageTitle(query.data?.data.name ?? words.title)
  return (
    <Loaded query={query} failed={words.oneFailed}>
      {({ data }) => <Body customer={{ ...data, environment }} />}
    </Loaded>
  )
}

function Body({ customer }: { customer: Placed<Customer> }) {
  const { organization } = useOrganization()
  const { reason } = useAuthority()
  const navigate = useNavigate()
  const [act, setAct] = useState<CustomerAct | null>(null)
  const { environment } = customer
  const isSuspended = customer.status === 'suspended'
  const list = { to: '/o/$org/customers', params: { org: organization.slug }, search: { env: environment } }
  const close = (isGone?: boolean) => {
    setAct(null)
    if (isGone) void navigate(list)
  }
  return (
    <>
      <PageHead
        back={<TextLink {...list}>{words.title}</TextLink>}
        title={
          <>
            {customer.name} <EnvironmentBadge environment={environment} />
            <span className="text-13 font-normal">
              <CustomerStatus customer={customer} />
            </span>
          </>
        }
        actions={
          <>
            <Button icon={<Pencil aria-hidden />} reason={reason(environment, 'customers.update')} onClick={() => setAct('edit')}>
              {words.menu.edit}
            </Button>
            <Button
              kind={isSuspended ? 'secondary' : 'reversible'}
              icon={isSuspended ? <Play aria-hidden /> : <Ban aria-hidden />}
              reason={reason(environment, 'customers.suspend')}
              onClick={() => setAct('standing')}
            >
              {isSuspended ? words.menu.resume : words.menu.suspend}
            </Button>
            <Button kind="final" icon={<Trash2 aria-hidden />} reason={reason(environment, 'customers.delete')} onClick={() => setAct('delete')}>
              {words.menu.delete}
            </Button>
          </>
        }
      />
      <div className="mt-4 grid border-t border-line wide:grid-cols-[328px_1fr]">
        <div className="border-b border-line px-4 py-5 wide:border-r wide:border-b-0 wide:px-6">
          <Facts
            facts={[
              [words.facts.id, <span key="id" className="flex items-center gap-1 font-mono text-12 break-all">{customer.id} <Copy text={customer.id} label={words.menu.copyId} /></span>],
              [words.facts.externalId, customer.external_id ? <span key="external" className="font-mono text-12">{customer.external_id}</span> : <span key="none" className="text-muted">{t.common.none}</span>],
              [words.facts.limits, customer.limits.length ? customer.limits.map((limit) => <span key={limit.name} className="block">{limitText(limit)}</span>) : <span key="none" className="text-muted">{words.noLimits}</span>],
              [words.facts.created, <Time key="created" at={customer.created_at} form="absolute" />],
              [words.facts.updated, <Time key="updated" at={customer.updated_at} />],
              customer.suspended_at !== null && [words.facts.suspended, <Time key="suspended" at={customer.suspended_at} form="absolute" />],
            ]}
          />
          {Object.keys(customer.metadata).length > 0 && (
            <div className="mt-5">
              <h2 className="mb-2 text-14 font-semibold">{words.facts.metadata}</h2>
              <CodeBlock bare wrap className="rounded-control border border-line" code={JSON.stringify(customer.metadata, null, 2)} />
            </div>
          )}
        </div>
        <Section title={words.keys.title} detail={words.keys.detail}>
          <CustomerKeys customer={customer} />
        </Section>
      </div>
      <CustomerDialog act={act} customer={customer} onClose={close} />
    </>
  )
}
