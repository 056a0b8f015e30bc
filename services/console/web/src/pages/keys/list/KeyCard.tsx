import { clsx } from 'clsx'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { KeyText } from '@/kit/KeyText'
import { relative } from '@/lib/time'
import { useNow } from '@/lib/useNow'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { expiryTone } from '../status'
import { KeyNameLink } from './KeyNameLink'
import { KeyStatus } from './KeyStatus'

/** A key where there is no room for a table: name and status, hint and end, badge and last use. */
export function KeyCard({ placed, titles }: { placed: PlacedKey; titles: Map<string, string> }) {
  const now = useNow()
  const tone = expiryTone(placed, now)
  const words = t.keys.cell
  const [first, ...rest] = placed.permissions
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 gap-y-1.5">
      <KeyNameLink placed={placed} />
      <span className="text-right text-13">
        <KeyStatus placed={placed} bare />
      </span>
      <KeyText text={placed.hint} className="truncate text-12" />
      <span className={clsx('text-right text-12', tone === 'danger' ? 'text-danger' : tone === 'soon' ? 'text-soon' : 'text-muted')}>
        {placed.expires_at ? words.expiresCard(relative(new Date(placed.expires_at), now)) : words.neverExpiresCard}
      </span>
      <span className="flex min-w-0 items-center gap-2 text-12 text-muted">
        <EnvironmentBadge environment={placed.environment} />
        <span className="truncate">
          {first ? (titles.get(first) ?? first) : words.noPermissions} {rest.length > 0 && `+${rest.length}`}
        </span>
      </span>
      <span className="text-right text-12 text-muted">
        {placed.last_used_at ? words.usedCard(relative(new Date(placed.last_used_at), now)) : words.neverUsed}
      </span>
    </div>
  )
}
