import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { KeyRound } from 'lucide-react'
import type { Key } from '@/client/types.gen'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { organizationCall, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import type { PaletteItem } from './usePaletteGroups'

/** How many keys of each environment are offered. */
const most = 4

/** The keys of an organization whose name or hint begins with what is typed, from every environment that answers. */
export function usePaletteKeys(org: string, environments: readonly Environment[], text: string): PaletteItem[] {
  const wanted = useSettled(text.trim())
  const { data } = useQuery({
    queryKey: ['keys', 'palette', org, environments, wanted],
    queryFn: async ({ signal }) => {
      const answers = await Promise.allSettled(
        environments.map(async (environment) => {
          const { data: page } = await organizationCall<Page<Key>>(environment, org, '/keys', { query: { text: wanted, limit: most }, signal })
          return page.items.map((key) => ({ ...key, environment }))
        }),
      )
      return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    },
    enabled: wanted.length >= 2 && environments.length > 0,
  })
  return (data ?? []).map((key) => ({
    id: `key ${key.environment} ${key.id}`,
    label: `${key.name} ${key.hint}`,
    icon: <KeyRound aria-hidden />,
    aside: <EnvironmentBadge environment={key.environment} />,
    to: `/o/${org}/integrations/api-keys/${key.id}`,
    search: { env: key.environment },
  }))
}

/** A text once it has not changed for 200 ms. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 200)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}
