import { CodeBlock } from '@/kit/CodeBlock'
import { Section } from '@/kit/Section'
import { snippets } from '@/secret/snippets'
import { usePublicUrl } from '@/session/useSession'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { KeyFacts } from './KeyFacts'
import { LiveSecrets } from './LiveSecrets'

/** Facts at the left, live secrets at the right. */
export function KeyOverview({ placed }: { placed: PlacedKey }) {
  const urlOf = usePublicUrl()
  const words = t.keys.detail
  return (
    <div className="wide:flex">
      <div className="border-line px-4 py-5 max-wide:border-b wide:w-82 wide:shrink-0 wide:border-r wide:pl-6">
        <KeyFacts placed={placed} />
      </div>
      <div className="min-w-0 flex-1">
        <LiveSecrets placed={placed} />
        {!placed.last_used_at && (
          <Section title={words.neverUsed} detail={words.neverUsedText}>
            <CodeBlock code={snippets(urlOf(placed.environment), '$CLAVIGER_KEY').cURL} title="cURL" />
          </Section>
        )}
      </div>
    </div>
  )
}
