import { useSearch } from '@tanstack/react-router'
import { isEnvironmentChoice, type Environment, type EnvironmentChoice } from '@/lib/environments'
import { useHeld } from '@/lib/useHeld'
import { useOrganization } from '@/session/useOrganization'
import { choice } from './choice'

/** What the page shows: the address decides, then the tab's choice. */
export function useEnvironmentChoice(): EnvironmentChoice {
  const search: { env?: unknown } = useSearch({ strict: false })
  const chosen = useHeld(choice)
  return isEnvironmentChoice(search.env) ? search.env : chosen
}

/** The environments that a list of an organization covers. */
export function useEnvironments(): { view: EnvironmentChoice; environments: Environment[] } {
  const view = useEnvironmentChoice()
  const { present } = useOrganization()
  return { view, environments: view === 'all' ? present : present.filter((name) => name === view) }
}
