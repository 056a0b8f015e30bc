import { createRouter } from '@tanstack/react-router'
import { parseSearch, stringifySearch } from '@/lib/search'
import { Crashed } from '@/pages/Crashed'
import { accountRoutes } from './account'
import { adminRoutes } from './admin'
import { organizationRoutes } from './organization'
import { rootRoute, startRoute } from './root'

export const router = createRouter({
  routeTree: rootRoute.addChildren([startRoute, organizationRoutes, accountRoutes, adminRoutes]),
  parseSearch,
  stringifySearch,
  defaultErrorComponent: Crashed,
  defaultPreload: 'intent',
  // Pages keep their data in the query cache.
  defaultPreloadStaleTime: 0,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
