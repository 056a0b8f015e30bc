import type { Key } from '@/client/types.gen'
import { relative } from '@/lib/time'
import { t } from '@/strings'

export interface Mark {
  text: string
  tone: 'muted' | 'soon' | 'danger'
}

const day = 86_400_000

/** How pressing an end is: amber from 14 days, red from 3. */
export function expiryTone(key: Pick<Key, 'expires_at' | 'status'>, now: Date): Mark['tone'] | null {
  if (!key.expires_at || key.status === 'expired') return null
  const left = new Date(key.expires_at).getTime() - now.getTime()
  // "in 3 d" lasts until the fourth day begins.
  return left < 4 * day ? 'danger' : left < 15 * day ? 'soon' : null
}

/** What follows from a key's state, beside its status. */
export function marksOf(key: Key, now: Date, withExpiry = false): Mark[] {
  const marks: Mark[] = []
  if (key.status === 'inactive' && key.revoke_reason) {
    const reason = t.keys.marks.reasons[key.revoke_reason] ?? key.revoke_reason
    if (reason) marks.push({ text: reason, tone: 'muted' })
  }
  if (key.status === 'scheduled' && key.not_before)
    marks.push({ text: t.keys.marks.starts(relative(new Date(key.not_before), now)), tone: 'muted' })
  if (key.status !== 'active') return marks
  const tone = expiryTone(key, now)
  if (withExpiry && tone && key.expires_at) marks.push({ text: t.keys.marks.expiresIn(relative(new Date(key.expires_at), now)), tone })
  if (key.secrets_active > 1) marks.push({ text: t.keys.marks.overlap, tone: 'muted' })
  const idle = Math.floor((now.getTime() - new Date(key.last_used_at ?? key.created_at).getTime()) / day)
  if (idle >= 90) marks.push({ text: t.keys.marks.idle(idle), tone: 'muted' })
  return marks
}

/** Whether ending it would hurt somebody today: production, or used in the last seven days. */
export const isInUse = (key: Key, now: Date) =>
  key.environment === 'production' || (key.last_used_at !== null && now.getTime() - new Date(key.last_used_at).getTime() <= 7 * day)
