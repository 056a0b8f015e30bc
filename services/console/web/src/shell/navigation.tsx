import { Building2, Gauge, Globe, KeyRound, Plug, Server, SlidersHorizontal, Users } from 'lucide-react'
import type { ReactNode } from 'react'
import { t } from '@/strings'

export interface NavItem {
  label: string
  icon?: ReactNode
  /** The path below the shell's own; absent for a heading. */
  path?: string
  items?: NavItem[]
}

const nav = t.shell.nav

/** The pages of an organization, in the order of the sidebar. A page is listed once it exists. */
export const organizationNav: NavItem[] = [
  { label: nav.overview, icon: <Gauge aria-hidden />, path: '' },
  { label: nav.integrations, icon: <Plug aria-hidden />, items: [{ label: nav.apiKeys, path: '/integrations/api-keys' }] },
  { label: nav.customers, icon: <Users aria-hidden />, path: '/customers' },
  { label: nav.domains, icon: <Globe aria-hidden />, path: '/domains' },
  { label: nav.settings, icon: <SlidersHorizontal aria-hidden />, path: '/settings' },
]

/** The pages of Server Admin. */
export const adminNav: NavItem[] = [
  { label: nav.organizations, icon: <Building2 aria-hidden />, path: '/organizations' },
  { label: nav.users, icon: <Users aria-hidden />, path: '/users' },
  { label: nav.rootKeys, icon: <KeyRound aria-hidden />, path: '/root-api-keys' },
  { label: nav.integrationApi, icon: <Plug aria-hidden />, path: '/integration-api' },
  { label: nav.system, icon: <Server aria-hidden />, path: '/system' },
]

/** Where a thing's list is, for pages about one thing: `/o/acme/integrations/api-keys/key_1` → `/o/acme/integrations/api-keys`. */
export const listPathOf = (pathname: string): string | undefined =>
  /^(\/o\/[^/]+\/(?:integrations\/api-keys|customers|domains)|\/admin\/root-api-keys)\/[^/]+/.exec(pathname)?.[1]
