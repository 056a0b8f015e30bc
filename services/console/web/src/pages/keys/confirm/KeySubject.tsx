import { Clock } from 'lucide-react'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { KeyText } from '@/kit/KeyText'
import { relative } from '@/lib/time'
import { useNow } from '@/lib/useNow'
import { t } from '@/strings'
import type { PlacedKey } from '../api'

/** Which key a question is about: name, environment, hint. */
export function KeySubject({ placed }: { placed: PlacedKey }) {
  return (
    <>
      <span className="flex flex-wrap items-center gap-2 font-medium">
        {placed.name} <EnvironmentBadge environment={placed.environment} />
      </span>
      <KeyText text={placed.hint} className="mt-1 block text-12 break-all" />
    </>
  )
}

/** Who would notice. */
export function KeyUse({ placed }: { placed: PlacedKey }) {
  const now = useNow()
  const text = placed.last_used_at
    ? t.keys.confirm.used(relative(new Date(placed.last_used_at), now), placed.last_used_ip)
    : t.keys.confirm.unused
  return (
    <p className="mt-3 flex items-center gap-2 rounded-control bg-sunken px-3 py-2 text-13">
      <Clock aria-hidden className="text-muted" /> {text}
    </p>
  )
}
