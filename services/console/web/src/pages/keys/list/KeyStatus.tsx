import { StatusBadge } from '@/kit/StatusBadge'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { useMarks } from '../useMarks'

interface Props {
  placed: PlacedKey
  /** Without what follows from it. */
  bare?: boolean
}

export function KeyStatus({ placed, bare }: Props) {
  const marks = useMarks(placed)
  return (
    <StatusBadge look={placed.status} marks={bare ? [] : marks}>
      {t.keys.status[placed.status]}
    </StatusBadge>
  )
}
