import { useNavigate } from '@tanstack/react-router'
import { Ban, Copy, Eye, Pencil, Plus, RefreshCw, RotateCcw, Trash2 } from 'lucide-react'
import { MenuItem, MenuRule } from '@/kit/Menu'
import { toast } from '@/kit/Toast'
import { copyText } from '@/lib/clipboard'
import { t } from '@/strings'
import type { PlacedKey } from './api'
import { useKeyScope } from './scope'
import type { KeyAct } from './useKeyActs'

interface Props {
  placed: PlacedKey
  open: (act: KeyAct, placed: PlacedKey) => void
  /** On the key's own page: without what stands beside the menu already. */
  isDetail?: boolean
}

/** What can be done with a key. Only Delete is red, last, after a rule. */
export function KeyMenuItems({ placed, open, isDetail }: Props) {
  const { listPath, may } = useKeyScope()
  const navigate = useNavigate()
  const words = t.keys.menu
  const held = (permission: string) => !may(placed.environment, permission)
  const isInactive = placed.revoked_at !== null
  return (
    <>
      {!isDetail && (
        <>
          <MenuItem icon={<Eye aria-hidden />} onSelect={() => void navigate({ to: `${listPath}/${placed.id}` as never, search: { env: placed.environment } as never })}>
            {words.view}
          </MenuItem>
          <MenuItem icon={<Pencil aria-hidden />} disabled={held('keys.update')} onSelect={() => open('edit', placed)}>
            {words.edit}
          </MenuItem>
        </>
      )}
      <MenuItem icon={<Plus aria-hidden />} disabled={held('keys.create')} onSelect={() => open('duplicate', placed)}>
        {words.duplicate}
      </MenuItem>
      <MenuItem
        icon={<Copy aria-hidden />}
        onSelect={() => void copyText(placed.id).then((done) => toast(done ? t.common.copied : placed.id))}
      >
        {words.copyId}
      </MenuItem>
      {!isDetail && (
        <>
          <MenuRule />
          <MenuItem icon={<RefreshCw aria-hidden />} disabled={held('keys.regenerate')} onSelect={() => open('regenerate', placed)}>
            {words.regenerate}
          </MenuItem>
          {isInactive ? (
            <MenuItem icon={<RotateCcw aria-hidden />} disabled={held('keys.revoke')} onSelect={() => open('reactivate', placed)}>
              {words.reactivate}
            </MenuItem>
          ) : (
            <MenuItem icon={<Ban aria-hidden />} disabled={held('keys.revoke')} onSelect={() => open('revoke', placed)}>
              {words.revoke}
            </MenuItem>
          )}
        </>
      )}
      <MenuRule />
      <MenuItem icon={<Trash2 aria-hidden />} final disabled={held('keys.delete')} onSelect={() => open('delete', placed)}>
        {words.delete}
      </MenuItem>
    </>
  )
}
