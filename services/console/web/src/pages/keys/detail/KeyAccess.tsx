import { Button } from '@/kit/Button'
import { Note } from '@/kit/Note'
import { Section } from '@/kit/Section'
import { t } from '@/strings'
import type { PlacedKey } from '../api'
import { useKeyScope } from '../scope'
import type { KeyAct } from '../useKeyActs'
import { usePermissionGroups } from '../usePermissionTitles'
import { CheckAccess } from './CheckAccess'

const words = t.keys.detail

/** Permissions at the left, the access check at the right. */
export function KeyAccess({ placed, open }: { placed: PlacedKey; open: (act: KeyAct, placed: PlacedKey) => void }) {
  const { kind, reason } = useKeyScope()
  return (
    <div className="wide:flex">
      <div className="min-w-0 flex-1 border-line wide:border-r">
        <Section
          title={words.permissionsTitle}
          actions={
            <Button size="bar" reason={reason(placed.environment, 'keys.update')} onClick={() => open('permissions', placed)}>
              {words.editPermissions}
            </Button>
          }
        >
          <Held placed={placed} />
        </Section>
      </div>
      {kind === 'organization' && (
        <div className="wide:w-110 wide:shrink-0">
          <CheckAccess placed={placed} />
        </div>
      )}
    </div>
  )
}

/** Each permission that the key holds, under its group; a wildcard stands for itself. */
function Held({ placed }: { placed: PlacedKey }) {
  const { data: groups = [] } = usePermissionGroups(placed.environment)
  const held = new Set(placed.permissions)
  const known = groups.flatMap((group) =>
    group.permissions.filter(({ name }) => held.has(name)).map((permission, index) => ({ ...permission, group: index === 0 ? group.name : '' })),
  )
  const names = new Set(known.map(({ name }) => name))
  const others = placed.permissions
    .filter((name) => !names.has(name))
    .map((name) => ({ name, display_name: name === '*' ? t.keys.cell.allPermissions : name, description: '', group: '' }))
  const rows = [...known, ...others]
  if (rows.length === 0) return <Note>{words.noneHeld}</Note>
  return (
    <table className="w-full text-13">
      <thead>
        <tr className="border-b border-line-strong text-left text-12 text-muted [&>th]:h-8 [&>th]:pr-3 [&>th]:font-medium">
          <th scope="col">{words.group}</th>
          <th scope="col">{words.permission}</th>
          <th scope="col">{words.permissionId}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((permission) => (
          <tr key={permission.name} className="border-b border-line [&>td]:py-2 [&>td]:pr-3">
            <td className="font-medium">{permission.group}</td>
            <td title={permission.description}>{permission.display_name}</td>
            <td className="font-mono text-12 text-muted">{permission.name}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
