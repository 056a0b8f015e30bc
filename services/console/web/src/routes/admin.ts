import { createRoute } from '@tanstack/react-router'
import { known } from '@/lib/search'
import { AdminShell } from '@/shell/AdminShell'
import { rootRoute } from './root'

const adminRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/admin',
  component: AdminShell,
  validateSearch: known('env'),
})

/** The pages of Server Admin. */
export const adminRoutes = adminRoute.addChildren([])
