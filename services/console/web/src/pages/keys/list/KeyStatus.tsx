import { StatusBadge } from '@/kit/StatusBadge'
import { useNow } from '@/lib/useNow'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { marksOf } from '../status'

interface Props {
  placed: PlacedKey
  /** Without what follows from it. */
  bare?: boolean
}

export function KeyStatus({ placed, bare }: Props) {
  const now = useNow()
  return (
    <StatusBadge look={placed.status} marks={bare ? [] : marksOf(placed, now)}>
      {t.keys.status[placed.status]}
    </StatusBadge>
  )
}
