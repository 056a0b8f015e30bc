import { useCallback, useState, type ReactNode } from 'react'
import type { PlacedKey } from './api'
import { DeleteDialog } from './confirm/DeleteDialog'
import { ReactivateDialog } from './confirm/ReactivateDialog'
import { RegenerateDialog } from './confirm/RegenerateDialog'
import { RevokeDialog } from './confirm/RevokeDialog'
import { KeyFormDialog } from './form/KeyFormDialog'
import { fromKey } from './form/values'

export type KeyAct = 'edit' | 'permissions' | 'duplicate' | 'regenerate' | 'revoke' | 'reactivate' | 'delete'

/** The dialogs that act on one key. `element` has to be on the page. */
export function useKeyActs(onDeleted?: () => void): { open: (act: KeyAct, placed: PlacedKey) => void; element: ReactNode } {
  const [current, setCurrent] = useState<{ act: KeyAct; placed: PlacedKey } | null>(null)
  const close = () => setCurrent(null)
  return {
    open: useCallback((act: KeyAct, placed: PlacedKey) => setCurrent({ act, placed }), []),
    element: current && dialogOf(current.act, current.placed, close, onDeleted),
  }
}

function dialogOf(act: KeyAct, placed: PlacedKey, onClose: () => void, onDeleted: (() => void) | undefined) {
  switch (act) {
    case 'edit':
    case 'permissions':
      return <KeyFormDialog editing={placed} onClose={onClose} startAt={act === 'permissions' ? 'permissions' : undefined} />
    case 'duplicate':
      return <KeyFormDialog start={{ ...fromKey(placed), name: `${placed.name.slice(0, 95)} copy` }} onClose={onClose} />
    case 'regenerate':
      return <RegenerateDialog placed={placed} onClose={onClose} />
    case 'revoke':
      return <RevokeDialog placed={placed} onClose={onClose} />
    case 'reactivate':
      return <ReactivateDialog placed={placed} onClose={onClose} />
    case 'delete':
      return <DeleteDialog placed={placed} onClose={onClose} onDeleted={onDeleted} />
  }
}
