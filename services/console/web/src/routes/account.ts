import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { rootRoute } from './root'

const accountRoute = createRoute({ getParentRoute: () => rootRoute, path: '/account', component: lazyRouteComponent(() => import('@/shell/AccountShell'), 'AccountShell') })

const accountStartRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/account/profile', replace: true })
  },
})

const profileRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/profile',
  component: lazyRouteComponent(() => import('@/pages/account/ProfilePage'), 'ProfilePage'),
})

const securityRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/security',
  component: lazyRouteComponent(() => import('@/pages/account/SecurityPage'), 'SecurityPage'),
})

const sessionsRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/sessions',
  component: lazyRouteComponent(() => import('@/pages/account/SessionsPage'), 'SessionsPage'),
})

const preferencesRoute = createRoute({
  getParentRoute: () => accountRoute,
  path: '/preferences',
  component: lazyRouteComponent(() => import('@/pages/account/PreferencesPage'), 'PreferencesPage'),
})

/** The pages of the signed-in person. */
export const accountRoutes = accountRoute.addChildren([accountStartRoute, profileRoute, securityRoute, sessionsRoute, preferencesRoute])
