import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { known } from '@/lib/search'
import { OrganizationShell } from '@/shell/OrganizationShell'
import { rootRoute } from './root'

const organizationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/o/$org',
  component: OrganizationShell,
  validateSearch: known('env'),
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

/** The pages of an organization. A page is a route here and an entry in `shell/navigation`. */
export const organizationRoutes = organizationRoute.addChildren([apiKeysRoute, apiKeyRoute])
