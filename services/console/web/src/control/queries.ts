import { queryOptions } from '@tanstack/react-query'
import { controlCall, organizationCall, path, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import type * as Control from './types'

/** A list of the console's own with all its pages: people and invitations of one organization are few. */
async function all<T>(rest: string, query: Record<string, string | number | boolean | undefined>, signal: AbortSignal): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const { data }: { data: Page<T> } = await controlCall<Page<T>>(rest, { query: { ...query, cursor }, signal })
    items.push(...data.items)
    cursor = data.next_cursor
  } while (cursor)
  return items
}

const list = <T>(key: readonly unknown[], rest: string, query: Record<string, string | number | boolean | undefined> = {}) =>
  queryOptions({ queryKey: key, queryFn: ({ signal }) => all<T>(rest, query, signal) })

const one = <T>(key: readonly unknown[], rest: string) =>
  queryOptions({ queryKey: key, queryFn: async ({ signal }) => (await controlCall<T>(rest, { signal })).data })

/** The path of an organization among the console's own resources. */
export const ofOrganization = (org: string, ...rest: string[]) => path('organizations', org, ...rest)

export const membersQuery = (org: string) => list<Control.Member>(['members', org], ofOrganization(org, 'members'))
export const invitesQuery = (org: string) => list<Control.Invite>(['invites', org], ofOrganization(org, 'invites'))
export const memberDevicesQuery = (org: string) => list<Control.MemberDevice>(['devices', org], ofOrganization(org, 'devices'))
export const organizationQuery = (org: string) => one<Control.Organization>(['organization', org], ofOrganization(org))
export const securityQuery = (org: string) => one<Control.Security>(['security', org], ofOrganization(org, 'security'))
export const loginPageQuery = (org: string) => one<Control.LoginPage>(['login-page', org], ofOrganization(org, 'login-page'))
export const provisioningsQuery = (org: string) => list<Control.Provisioning>(['provisionings', org], ofOrganization(org, 'provisionings'))

export const sessionsQuery = list<Control.AccountSession>(['account', 'sessions'], path('account', 'sessions'))
export const devicesQuery = list<Control.Device>(['account', 'devices'], path('account', 'devices'))

export const adminOrganizationsQuery = list<Control.AdminOrganization>(['admin', 'organizations'], '/organizations', { all: true, limit: 200 })
export const unadoptedQuery = list<Control.Unadopted>(['admin', 'unadopted'], '/organizations/unadopted')
export const adminUsersQuery = (text: string) => list<Control.AdminUser>(['admin', 'users', text], '/admin/users', { q: text || undefined, limit: 200 })
export const integrationQuery = list<Control.Integration>(['admin', 'integration'], '/admin/integration')
export const systemQuery = one<Control.System>(['admin', 'system'], '/admin/system')

/** An organization's own roles of one environment. */
export const rolesQuery = (environment: Environment, org: string) =>
  queryOptions({
    queryKey: ['roles', environment, org],
    queryFn: async ({ signal }) => (await organizationCall<Page<Control.Role>>(environment, org, '/roles', { query: { limit: 200 }, signal })).data.items,
  })

/** The policy of one environment with the version that a change of it names. */
export const policyQuery = (environment: Environment, org: string) =>
  queryOptions({
    queryKey: ['policy', environment, org],
    queryFn: ({ signal }) => organizationCall<Control.Policy>(environment, org, '/policy', { signal }),
  })

/** The first keys that break the policy. */
export const violationsQuery = (environment: Environment, org: string) =>
  queryOptions({
    queryKey: ['policy', environment, org, 'violations'],
    queryFn: async ({ signal }) => (await organizationCall<Page<Control.Violation>>(environment, org, '/policy/violations', { query: { limit: 50 }, signal })).data,
  })
