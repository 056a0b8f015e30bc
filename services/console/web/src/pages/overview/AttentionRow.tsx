import type { ReactNode } from 'react'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import type { Environment } from '@/lib/environments'

interface Props {
  icon: ReactNode
  environment?: Environment | undefined
  title: string
  detail: ReactNode
  action: ReactNode
}

/** One thing that may need somebody: what, in detail, and the way to it. */
export const AttentionRow = ({ icon, environment, title, detail, action }: Props) => (
  <li className="grid grid-cols-[1.25rem_minmax(0,1fr)_auto] items-center gap-x-3 gap-y-1 border-b border-line py-2.5 text-13 last:border-b-0 wide:grid-cols-[1.25rem_6rem_minmax(0,1fr)_auto]">
    {icon}
    <span className="max-wide:order-3 max-wide:col-start-2">{environment && <EnvironmentBadge environment={environment} />}</span>
    <span className="min-w-0 max-wide:order-1 max-wide:col-span-2">
      <span className="block font-medium break-words">{title}</span>
      <span className="block text-12 text-muted">{detail}</span>
    </span>
    <span className="max-wide:order-4">{action}</span>
  </li>
)
