import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { known } from '@/lib/search'
import { AdminShell } from '@/shell/AdminShell'
import { rootRoute } from './root'

const adminRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/admin',
  component: AdminShell,
  validateSearch: known('env'),
})

const adminStartRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/',
  beforeLoad: ({ search }) => {
    throw redirect({ to: '/admin/organizations', search, replace: true })
  },
})

const organizationsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/organizations',
  validateSearch: known('env', 'q', 'status'),
  component: lazyRouteComponent(() => import('@/pages/admin/OrganizationsPage'), 'OrganizationsPage'),
})

const usersRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/users',
  validateSearch: known('env', 'q'),
  component: lazyRouteComponent(() => import('@/pages/admin/UsersPage'), 'UsersPage'),
})

const rootKeysRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/root-api-keys',
  validateSearch: known('env', 'status', 'q', 'permission', 'created_by', 'tag', 'expires', 'used', 'sort', 'form'),
  component: lazyRouteComponent(() => import('@/pages/admin/RootKeysPage'), 'RootKeysPage'),
})

const rootKeyRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/root-api-keys/$key',
  validateSearch: known('env', 'tab', 'form'),
  component: lazyRouteComponent(() => import('@/pages/admin/RootKeyPage'), 'RootKeyPage'),
})

const integrationRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/integration-api',
  validateSearch: known('env'),
  component: lazyRouteComponent(() => import('@/pages/admin/IntegrationPage'), 'IntegrationPage'),
})

const systemRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: '/system',
  validateSearch: known('env'),
  component: lazyRouteComponent(() => import('@/pages/admin/SystemPage'), 'SystemPage'),
})

/** The pages of Server Admin. */
export const adminRoutes = adminRoute.addChildren([
  adminStartRoute,
  organizationsRoute,
  usersRoute,
  rootKeysRoute,
  rootKeyRoute,
  integrationRoute,
  systemRoute,
])
