import { useMemo, useState } from 'react'
import { remembered } from '@/lib/preferences'
import type { Column } from './columns'

/** Which columns of a list are shown, remembered in this browser under the list's name. */
export function useColumns<T>(list: string, columns: Column<T>[]) {
  const [chosen, setChosen] = useState<Record<string, boolean>>(() => {
    const value = remembered.get(`columns.${list}`)
    return typeof value === 'object' && value !== null ? (value as Record<string, boolean>) : {}
  })
  const shown = useMemo(
    () => columns.filter((column) => column.fixed || column.isRowHeader || (chosen[column.id] ?? !column.optional)),
    [columns, chosen],
  )
  return {
    all: columns,
    isShown: (column: Column<T>) => shown.includes(column),
    shown,
    set(id: string, shown: boolean) {
      const next = { ...chosen, [id]: shown }
      setChosen(next)
      remembered.set(`columns.${list}`, next)
    },
  }
}
export type Columns<T> = ReturnType<typeof useColumns<T>>
