import { Ellipsis } from 'lucide-react'
import type { ReactNode } from 'react'
import { t } from '@/strings'
import { IconButton } from '../IconButton'
import { Menu } from '../Menu'

/** The "⋯" of a row. */
export function RowMenu({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Menu
      trigger={
        <IconButton label={`${t.common.actions}: ${name}`} quiet>
          <Ellipsis aria-hidden />
        </IconButton>
      }
    >
      {children}
    </Menu>
  )
}
