import { Plus } from 'lucide-react'
import { Button } from '@/kit/Button'
import { CodeBlock } from '@/kit/CodeBlock'
import { Empty } from '@/kit/Empty'
import { EmptyIn } from '@/environment/EmptyIn'
import { useEnvironments } from '@/environment/useEnvironment'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import { customers as customerTexts } from '@/strings/customers'

const words = customerTexts

/** Instead of the list: nothing matches, nothing in this environment, or nothing at all yet. */
export function NoCustomers({ text, onClear, onCreate }: { text: string; onClear: () => void; onCreate: () => void }) {
  const { view, environments } = useEnvironments()
  const { organization } = useOrganization()
  const { mayAny } = useAuthority()
  const publicUrl = usePublicUrl()
  if (text !== '')
    return <Empty title={words.empty.filtered} actions={<Button onClick={onClear}>{t.common.clearFilters}</Button>} />
  const create = mayAny(environments, 'customers.create') && (
    <Button kind="primary" icon={<Plus aria-hidden />} onClick={onCreate}>
      {words.create}
    </Button>
  )
  if (view !== 'all') return <EmptyIn title={words.empty.inEnvironment} environment={view} action={create} />
  const url = publicUrl(environments.at(-1) ?? 'development')
  return (
    <Empty
      title={words.empty.title}
      actions={create}
      below={
        <CodeBlock
          title={words.empty.first}
          code={`curl ${url}/v1/organizations/${organization.slug}/customers \\\n  -H "Authorization: Bearer $CLAVIGER_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '{"name": "Vela Retail Group", "external_id": "crm-20418"}'`}
        />
      }
    >
      {words.empty.text}
    </Empty>
  )
}
