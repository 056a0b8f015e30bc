import { Columns3 } from 'lucide-react'
import { preferences, setPreferences } from '@/lib/preferences'
import { useHeld } from '@/lib/useHeld'
import { t } from '@/strings'
import { Button } from '../Button'
import { Menu, MenuCheck, MenuRule } from '../Menu'
import type { Columns } from './useColumns'

/** Which columns are shown, and how close the rows stand. */
export function ColumnChooser<T>({ columns }: { columns: Columns<T> }) {
  const { density } = useHeld(preferences)
  return (
    <Menu
      trigger={
        <Button size="bar" icon={<Columns3 aria-hidden />} className="max-wide:hidden">
          {t.common.columns}
        </Button>
      }
    >
      {columns.all
        .filter((column) => !column.fixed && !column.isRowHeader)
        .map((column) => (
          <MenuCheck key={column.id} checked={columns.isShown(column)} onChange={(shown) => columns.set(column.id, shown)}>
            {column.header}
          </MenuCheck>
        ))}
      <MenuRule />
      <MenuCheck
        checked={density === 'compact'}
        onChange={(compact) => setPreferences({ density: compact ? 'compact' : 'comfortable' })}
      >
        {t.keys.compactRows}
      </MenuCheck>
    </Menu>
  )
}
