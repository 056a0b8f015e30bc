import { Plus } from 'lucide-react'
import { Button } from '@/kit/Button'
import { CodeBlock } from '@/kit/CodeBlock'
import { Empty } from '@/kit/Empty'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import type { Environment, EnvironmentChoice } from '@/lib/environments'
import { snippets } from '@/secret/snippets'
import { usePublicUrl } from '@/session/useSession'
import { useChoose } from '@/environment/EnvironmentControl'
import { t } from '@/strings'

interface Props {
  view: EnvironmentChoice
  environments: readonly Environment[]
  isFiltered: boolean
  onClear: () => void
  onCreate: (() => void) | undefined
}

/** A list without rows says why, and offers the next step. */
export function KeysEmpty({ view, environments, isFiltered, onClear, onCreate }: Props) {
  const urlOf = usePublicUrl()
  const choose = useChoose()
  const words = t.keys.empty
  const create = onCreate && (
    <Button kind="primary" icon={<Plus aria-hidden />} onClick={onCreate}>
      {t.keys.create}
    </Button>
  )
  if (environments.length === 0) return <Empty title={words.noAccess}>{t.common.whoGrants}</Empty>
  if (isFiltered) return <Empty title={words.filtered} actions={<Button onClick={onClear}>{t.common.clearFilters}</Button>} />
  if (view !== 'all')
    return (
      <Empty
        title={
          <>
            {words.inEnvironment} <EnvironmentBadge environment={view} />
          </>
        }
        actions={
          <>
            {create}
            <Button kind="link" onClick={() => choose('all')}>
              {words.showAll}
            </Button>
          </>
        }
      />
    )
  return (
    <Empty title={words.title} actions={create} below={<CodeBlock title={words.first} code={snippets(urlOf(environments.at(-1)!), '$CLAVIGER_KEY').cURL} />}>
      {words.text}
    </Empty>
  )
}
