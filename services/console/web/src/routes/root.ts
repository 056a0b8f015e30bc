import { createRootRoute, createRoute } from '@tanstack/react-router'
import { Start } from '@/pages/Start'
import { queryClient } from '@/lib/query'
import { sessionQuery } from '@/session/useSession'
import { Root } from './Root'
import { Unavailable } from './Unavailable'
import { NotFoundPage } from './NotFoundPage'

export const rootRoute = createRootRoute({
  component: Root,
  loader: () => queryClient.ensureQueryData(sessionQuery),
  staleTime: Infinity,
  errorComponent: Unavailable,
  notFoundComponent: NotFoundPage,
})

export const startRoute = createRoute({ getParentRoute: () => rootRoute, path: '/', component: Start })
