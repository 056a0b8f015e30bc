import { createRoute } from '@tanstack/react-router'
import { AccountShell } from '@/shell/AccountShell'
import { rootRoute } from './root'

const accountRoute = createRoute({ getParentRoute: () => rootRoute, path: '/account', component: AccountShell })

/** The pages of the signed-in person. */
export const accountRoutes = accountRoute.addChildren([])
