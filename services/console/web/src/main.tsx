import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { applyPreferences, followSystemTheme } from './lib/preferences'
import { queryClient } from './lib/query'
import { router } from './routes/router'
import { reloadOnceForNewAssets } from './lib/reload'
import './styles/index.css'

applyPreferences()
followSystemTheme()
reloadOnceForNewAssets()

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)
