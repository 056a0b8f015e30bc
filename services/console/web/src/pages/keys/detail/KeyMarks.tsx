import { clsx } from 'clsx'
import type { PlacedKey } from '../api'
import { useMarks } from '../useMarks'

/** What follows from a key's state, in one line beside it. */
export function KeyMarks({ placed }: { placed: PlacedKey }) {
  return useMarks(placed, true).map(({ text, tone }) => (
    <span key={text} className={clsx('text-12 font-normal', { muted: 'text-muted', soon: 'text-soon', danger: 'text-danger' }[tone])}>
      {text}
    </span>
  ))
}
