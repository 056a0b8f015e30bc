import { clsx } from 'clsx'
import { Time } from '@/kit/Time'
import { useAt } from '@/lib/useNow'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { expiryTone } from '../status'

/** When a key ends: how soon, and below it the date. */
export function ExpiryCell({ placed }: { placed: PlacedKey }) {
  const tone = useAt((now) => expiryTone(placed, now) ?? '')
  if (!placed.expires_at) return <span className="text-muted">{t.keys.cell.neverExpires}</span>
  return (
    <>
      <Time at={placed.expires_at} className={clsx(tone === 'danger' && 'text-danger', tone === 'soon' && 'text-soon', placed.status === 'expired' && 'text-muted')} />
      <span className="block text-12 text-muted">
        <Time at={placed.expires_at} form="brief" />
      </span>
    </>
  )
}
