import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { known } from '@/lib/search'
import { OrganizationShell } from '@/shell/OrganizationShell'
import { rootRoute } from './root'

const organizationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/o/$org',
  component: OrganizationShell,
  validateSearch: known('env'),
})

const overviewRoute = createRoute({
  getParentRoute: () => organizationRoute,
  path: '/',
  component: lazyRouteComponent(() => import('@/pages/overview/OverviewPage'), 'OverviewPage'),
})

const apiKeysRoute = createRoute({
  getParentRoute: () => organizationRoute,
  path: '/integrations/api-keys',
  validateSearch: known('env', 'status', 'q', 'permission', 'customer', 'domain', 'created_by', 'tag', 'expires', 'used', 'sort', 'form'),
  component: lazyRouteComponent(() => import('@/pages/keys/KeysPage'), 'KeysPage'),
})

const apiKeyRoute = createRoute({
  getParentRoute: () => organizationRoute,
  path: '/integrations/api-keys/$key',
  validateSearch: known('env', 'tab', 'form'),
  component: lazyRouteComponent(() => import('@/pages/keys/detail/KeyPage'), 'KeyPage'),
})

const customersRoute = createRoute({
  getParentRoute: () => organizationRoute,
  path: '/customers',
  validateSearch: known('env', 'q'),
  component: lazyRouteComponent(() => import('@/pages/customers/CustomersPage'), 'CustomersPage'),
})

const customerRoute = createRoute({
  getParentRoute: () => organizationRoute,
  path: '/customers/$customer',
  validateSearch: known('env'),
  component: lazyRouteComponent(() => import('@/pages/customers/CustomerPage'), 'CustomerPage'),
})

const domainsRoute = createRoute({
  getParentRoute: () => organizationRoute,
  path: '/domains',
  validateSearch: known('env', 'q'),
  component: lazyRouteComponent(() => import('@/pages/domains/DomainsPage'), 'DomainsPage'),
})

const settingsRoute = createRoute({
  getParentRoute: () => organizationRoute,
  path: '/settings',
  component: lazyRouteComponent(() => import('@/pages/settings/SettingsShell'), 'SettingsShell'),
})

const settingsStartRoute = createRoute({
  getParentRoute: () => settingsRoute,
  path: '/',
  beforeLoad: ({ params, search }) => {
    throw redirect({ to: '/o/$org/settings/general', params, search, replace: true })
  },
})

const generalRoute = createRoute({
  getParentRoute: () => settingsRoute,
  path: '/general',
  component: lazyRouteComponent(() => import('@/pages/settings/GeneralPage'), 'GeneralPage'),
})

const environmentsRoute = createRoute({
  getParentRoute: () => settingsRoute,
  path: '/environments',
  component: lazyRouteComponent(() => import('@/pages/settings/EnvironmentsPage'), 'EnvironmentsPage'),
})

const membersRoute = createRoute({
  getParentRoute: () => settingsRoute,
  path: '/members',
  component: lazyRouteComponent(() => import('@/pages/settings/MembersPage'), 'MembersPage'),
})

const rolesRoute = createRoute({
  getParentRoute: () => settingsRoute,
  path: '/roles',
  component: lazyRouteComponent(() => import('@/pages/settings/RolesPage'), 'RolesPage'),
})

const securityRoute = createRoute({
  getParentRoute: () => settingsRoute,
  path: '/security',
  component: lazyRouteComponent(() => import('@/pages/settings/SecurityPage'), 'SecurityPage'),
})

const loginPageRoute = createRoute({
  getParentRoute: () => settingsRoute,
  path: '/login-page',
  component: lazyRouteComponent(() => import('@/pages/settings/LoginPagePage'), 'LoginPagePage'),
})

const settingsRoutes = settingsRoute.addChildren([
  settingsStartRoute,
  generalRoute,
  environmentsRoute,
  membersRoute,
  rolesRoute,
  securityRoute,
  loginPageRoute,
])

/** The pages of an organization. A page is a route here and an entry in `shell/navigation`. */
export const organizationRoutes = organizationRoute.addChildren([overviewRoute, apiKeysRoute, apiKeyRoute, customersRoute, customerRoute, domainsRoute, settingsRoutes])
