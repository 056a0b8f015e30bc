import { clsx } from 'clsx'
import { useNow } from '@/lib/useNow'
import type { PlacedKey } from '../api'
import { marksOf } from '../status'

/** What follows from a key's state, in one line beside it. */
export function KeyMarks({ placed }: { placed: PlacedKey }) {
  const now = useNow()
  return marksOf(placed, now, true).map(({ text, tone }) => (
    <span key={text} className={clsx('text-12 font-normal', { muted: 'text-muted', soon: 'text-soon', danger: 'text-danger' }[tone])}>
      {text}
    </span>
  ))
}
