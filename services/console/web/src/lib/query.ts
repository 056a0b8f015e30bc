import { QueryClient } from '@tanstack/react-query'
import { asFailure, isTransient } from './problem'

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (count, thrown) => count < 2 && isTransient(asFailure(thrown)),
    },
    mutations: { retry: false, gcTime: 0 },
  },
})
