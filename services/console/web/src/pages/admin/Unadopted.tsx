import { useQuery } from '@tanstack/react-query'
import { unadoptedQuery } from '@/control/queries'
import type { Unadopted as Found } from '@/control/types'
import { Button } from '@/kit/Button'
import { BlockError } from '@/kit/BlockError'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Section } from '@/kit/Section'
import { controlCall } from '@/lib/api'
import { asFailure } from '@/lib/problem'
import { useChange } from '@/lib/useChange'
import { admin as adminTexts } from '@/strings/admin'

const words = adminTexts.organizations.unadopted

/** Organizations that a root key made in one environment: they can be taken into the directory. */
export function Unadopted() {
  const query = useQuery(unadoptedQuery)
  if (query.isError)
    return (
      <div className="px-4 py-5 wide:px-6">
        <BlockError title={words.failed} failure={asFailure(query.error)} onRetry={() => void query.refetch()} />
      </div>
    )
  if (!query.data || query.data.length === 0) return null
  return (
    <div className="mt-8 border-t border-line">
      <Section title={words.title} detail={words.detail}>
        <ul className="-my-2 max-w-160">
          {query.data.map((found) => (
            <Row key={`${found.environment} ${found.id}`} found={found} />
          ))}
        </ul>
      </Section>
    </div>
  )
}

function Row({ found }: { found: Found }) {
  const change = useChange(() => controlCall('/organizations/adopt', { method: 'POST', body: { environment: found.environment, id: found.id } }), {
    stale: [['admin'], ['session']],
    done: words.adopted(found.name),
  })
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line py-2.5 text-13 last:border-b-0">
      <span className="w-24">
        <EnvironmentBadge environment={found.environment} />
      </span>
      <span className="min-w-0 flex-1">
        <span className="font-medium">{found.name}</span>
        <span className="block font-mono text-12 text-muted">{found.slug}</span>
        {change.failure && <span className="block text-12 text-danger">{change.failure.problem.detail}</span>}
      </span>
      <Button size="row" busy={change.isBusy && words.adopting} onClick={() => change.run()}>
        {words.adopt}
      </Button>
    </li>
  )
}
