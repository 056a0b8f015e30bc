import { Ban, Ellipsis, Pencil, RefreshCw, RotateCcw } from 'lucide-react'
import { Button } from '@/kit/Button'
import { IconButton } from '@/kit/IconButton'
import { Menu } from '@/kit/Menu'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { KeyMenuItems } from '../KeyMenuItems'
import { useKeyScope } from '../scope'
import type { KeyAct } from '../useKeyActs'

interface Props {
  placed: PlacedKey
  open: (act: KeyAct, placed: PlacedKey) => void
}

/** Edit, Regenerate and Revoke in the open; the rest behind the dots. */
export function KeyHeadActions({ placed, open }: Props) {
  const { reason } = useKeyScope()
  const words = t.keys.menu
  const held = (permission: string) => reason(placed.environment, permission)
  return (
    <>
      <Button icon={<Pencil aria-hidden />} reason={held('keys.update')} onClick={() => open('edit', placed)}>
        {words.edit}
      </Button>
      <Button icon={<RefreshCw aria-hidden />} reason={held('keys.regenerate')} onClick={() => open('regenerate', placed)}>
        {words.regenerate}
      </Button>
      {placed.revoked_at || placed.status === 'expired' ? (
        <Button icon={<RotateCcw aria-hidden />} reason={held('keys.revoke')} onClick={() => open('reactivate', placed)}>
          {words.reactivate}
        </Button>
      ) : (
        <Button icon={<Ban aria-hidden />} reason={held('keys.revoke')} onClick={() => open('revoke', placed)}>
          {words.revoke}
        </Button>
      )}
      <Menu
        trigger={
          <IconButton label={`${t.common.actions}: ${placed.name}`} bordered quiet>
            <Ellipsis aria-hidden />
          </IconButton>
        }
      >
        <KeyMenuItems placed={placed} open={open} isDetail />
      </Menu>
    </>
  )
}
