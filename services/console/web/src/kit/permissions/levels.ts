import type { Permission, PermissionGroup } from '@/client/types.gen'

export type Level = 'none' | 'read' | 'write' | 'custom'

const isRead = (permission: Permission) => /\.(read|list)$/.test(permission.name)

/** The names that a level of a group stands for. `write` is all of it. */
export function namesAt(group: PermissionGroup, level: Level): string[] {
  if (level === 'none') return []
  return group.permissions.filter((permission) => level === 'write' || isRead(permission)).map(({ name }) => name)
}

/** The level at which a group stands, or `custom` when it is none of them. */
export function levelOf(group: PermissionGroup, chosen: ReadonlySet<string>): Level {
  const held = group.permissions.filter(({ name }) => chosen.has(name)).length
  if (held === 0) return 'none'
  if (held === group.permissions.length) return 'write'
  const read = namesAt(group, 'read')
  return read.length === held && read.every((name) => chosen.has(name)) ? 'read' : 'custom'
}

/** The choice with a group put to a level. */
export function withLevel(chosen: readonly string[], group: PermissionGroup, level: Level): string[] {
  const names = new Set(group.permissions.map(({ name }) => name))
  return [...chosen.filter((name) => !names.has(name)), ...namesAt(group, level)]
}

const finalActions = new Set(['delete', 'revoke'])
/** Whether what a permission allows cannot be undone. */
export const isFinal = (name: string) => finalActions.has(name.split('.').at(-1) ?? '')

/** Groups with what a search finds in them; those with nothing are left out. */
export function found(groups: PermissionGroup[], text: string): PermissionGroup[] {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return groups
  return groups
    .map((group) => ({
      ...group,
      permissions: group.name.toLowerCase().includes(wanted)
        ? group.permissions
        : group.permissions.filter((permission) =>
            `${permission.name} ${permission.display_name} ${permission.description}`.toLowerCase().includes(wanted),
          ),
    }))
    .filter((group) => group.permissions.length > 0)
}
