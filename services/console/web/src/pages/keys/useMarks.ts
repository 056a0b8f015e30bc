import { useAt } from '@/lib/useNow'
import type { PlacedKey } from './api'
import { marksOf, type Mark } from './status'

/** What follows from a key's state now. Drawn anew only when that changes, and not with every tick of the clock. */
export const useMarks = (placed: PlacedKey, withExpiry = false): Mark[] =>
  JSON.parse(useAt((now) => JSON.stringify(marksOf(placed, now, withExpiry)))) as Mark[]
