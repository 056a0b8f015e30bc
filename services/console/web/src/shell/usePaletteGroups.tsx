import { useLocation } from '@tanstack/react-router'
import { Building2, Plus, Search } from 'lucide-react'
import type { ReactNode } from 'react'
import { choose } from '@/environment/choice'
import { EnvironmentSquare } from '@/kit/EnvironmentBadge'
import { remembered } from '@/lib/preferences'
import { useSession } from '@/session/useSession'
import { t } from '@/strings'
import { presentIn } from '@/session/useOrganization'
import { usePaletteKeys } from './usePaletteKeys'
import { adminNav, organizationNav, type NavItem } from './navigation'

export interface PaletteItem {
  id: string
  label: string
  icon?: ReactNode
  shortcut?: string
  /** At the right: the environment of what it leads to. */
  aside?: ReactNode
  to?: string
  search?: Record<string, string>
  act?: () => void
}

const flat = (items: NavItem[]): NavItem[] => items.flatMap((item) => (item.items ? flat(item.items) : [item]))

/** What the palette offers on this page. */
export function usePaletteGroups(text: string): { value: string; items: PaletteItem[] }[] {
  const { user, organizations, environments } = useSession()
  const { pathname } = useLocation()
  const slug = /^\/o\/([^/]+)/.exec(pathname)?.[1] ?? String(remembered.get('organization') ?? organizations[0]?.slug ?? '')
  const base = `/o/${slug}`
  const isInside = organizations.some((organization) => organization.slug === slug)
  const words = t.shell.palette
  const page = (prefix: string) => (item: NavItem) => ({ id: prefix + item.path, label: item.label, icon: item.icon, to: prefix + item.path })
  const keys = `${base}/integrations/api-keys`
  const groups: { value: string; items: PaletteItem[] }[] = [
    {
      value: words.pages,
      items: [...(isInside ? flat(organizationNav).map(page(base)) : []), ...(user.is_server_admin ? adminNav.map(page('/admin')) : [])],
    },
    {
      value: words.actions,
      items: isInside ? [{ id: 'create', label: words.createKey, icon: <Plus aria-hidden />, to: keys, search: { form: 'new' } }] : [],
    },
    {
      value: words.environments,
      items: environments.map(({ name }) => ({
        id: name,
        label: t.environment[name],
        icon: <EnvironmentSquare environment={name} />,
        act: () => choose(name),
        to: pathname,
        search: { env: name },
      })),
    },
    {
      value: words.organizations,
      items: organizations.map(({ slug: other, name }) => ({ id: `org ${other}`, label: name, icon: <Building2 aria-hidden />, to: `/o/${other}` })),
    },
  ]
  const found = usePaletteKeys(slug, isInside ? presentIn(organizations.find((each) => each.slug === slug)!, environments.map(({ name }) => name)) : [], text)
  if (found.length > 0) groups.push({ value: words.keys, items: found })
  if (isInside && text.trim() !== '')
    // Its label holds the text, so that it always matches.
    groups.push({
      value: words.search,
      items: [{ id: 'search', label: words.searchKeys(text), icon: <Search aria-hidden />, to: keys, search: { q: text.trim() } }],
    })
  return groups.filter((group) => group.items.length > 0)
}
