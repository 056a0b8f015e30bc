import { NotFound } from '@/pages/NotFound'
import { PlainShell } from '@/shell/PlainShell'

export const NotFoundPage = () => (
  <PlainShell>
    <NotFound />
  </PlainShell>
)
