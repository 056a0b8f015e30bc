import { useState } from 'react'
import { remembered } from '@/lib/preferences'
import type { Column } from './columns'

/** Which columns of a list are shown, remembered in this browser under the list's name. */
export function useColumns<T>(list: string, columns: Column<T>[]) {
  const [chosen, setChosen] = useState<Record<string, boolean>>(() => {
    const value = remembered.get(`columns.${list}`)
    return typeof value === 'object' && value !== null ? (value as Record<string, boolean>) : {}
  })
  const isShown = (column: Column<T>) =>
    column.fixed || column.isRowHeader || (chosen[column.id] ?? !column.optional)
  return {
    all: columns,
    isShown,
    shown: columns.filter(isShown),
    set(id: string, shown: boolean) {
      const next = { ...chosen, [id]: shown }
      setChosen(next)
      remembered.set(`columns.${list}`, next)
    },
  }
}
export type Columns<T> = ReturnType<typeof useColumns<T>>
