import { useEffect } from 'react'
import { environmentTag, type EnvironmentChoice } from '@/lib/environments'
import { t } from '@/strings'
import { useEnvironmentChoice } from './useEnvironment'
import all from '@/icons/all.svg?url'
import production from '@/icons/production.svg?url'
import staging from '@/icons/staging.svg?url'
import development from '@/icons/development.svg?url'

const icons: Record<EnvironmentChoice, string> = { all, production, staging, development }

export const titleOf = (title: string, view: EnvironmentChoice) =>
  `${view === 'all' ? '' : `[${environmentTag[view].toUpperCase()}] `}${title} · ${t.common.product}`

/** Names the page in the tab, with its environment in front, and in the tab's icon. */
export function usePageTitle(title: string) {
  const view = useEnvironmentChoice()
  useEffect(() => {
    document.title = titleOf(title, view)
    document.querySelector('link[rel="icon"]')?.setAttribute('href', icons[view])
  }, [title, view])
}
