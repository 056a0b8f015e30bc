import { useMemo } from 'react'
import { BlockError } from '@/kit/BlockError'
import { Checkbox } from '@/kit/Checkbox'
import { FieldNote } from '@/kit/Field'
import { PermissionPicker, type Preset } from '@/kit/permissions/PermissionPicker'
import { Skeleton } from '@/kit/Skeleton'
import type { PermissionGroup } from '@/client/types.gen'
import { asFailure } from '@/lib/problem'
import { t } from '@/strings'
import { useKeyScope } from '../scope'
import { usePermissionGroups } from '../usePermissionTitles'
import { errorAt, type FormPart } from './formTypes'
import { OwnPermissions } from './OwnPermissions'
import { RolesField } from './RolesField'

const words = t.keyForm

/** What the key may do. */
export function PermissionsPart({ form }: FormPart) {
  const { kind, may } = useKeyScope()
  const { values, errors, set } = form
  const query = usePermissionGroups(values.environment ?? undefined)
  const groups = query.data
  const presets = useMemo(() => presetsOf(groups ?? []), [groups])
  const known = new Set(groups?.flatMap((group) => group.permissions.map(({ name }) => name)))
  const others = values.permissions.filter((name) => name !== '*' && !known.has(name))
  return (
    <div data-field="permissions">
      {query.isError ? (
        <BlockError title={words.catalogueFailed} failure={asFailure(query.error)} onRetry={() => void query.refetch()} />
      ) : groups ? (
        <>
          <PermissionPicker
            groups={groups}
            value={values.permissions}
            onChange={(next) => set('permissions', next)}
            presets={presets}
            mayGrant={(name) => values.environment === null || !name.includes('.') || may(values.environment, name)}
          />
          <OwnPermissions values={others} onChange={(next) => set('permissions', [...values.permissions.filter((name) => !others.includes(name)), ...next])} />
          {others.length > 0 && (
            <Checkbox className="mt-2" checked={values.createPermissions} onChange={(next) => set('createPermissions', next)} label={words.createPermissions} />
          )}
        </>
      ) : (
        <Skeleton label={words.permissions} />
      )}
      <FieldNote id="permissions-note" error={errorAt(errors, 'permissions')} />
      {kind === 'organization' && <RolesField form={form} />}
    </div>
  )
}

/** Where a choice can start from. Only what the installation knows is in them. */
function presetsOf(groups: PermissionGroup[]): Preset[] {
  const names = groups.flatMap((group) => group.permissions.map(({ name }) => name))
  const all: [keyof typeof words.presets, string[]][] = [
    ['none', []],
    ['read', names.filter((name) => name.endsWith('.read'))],
    ['licences', names.filter((name) => /^(customers\.read|licenses\.(read|issue|renew|validate))$/.test(name))],
    ['telemetry', names.filter((name) => name === 'telemetry.write')],
    ['full', ['*']],
  ]
  return all
    .filter(([preset, permissions]) => preset === 'none' || permissions.length > 0)
    .map(([preset, permissions]) => ({ value: preset, label: words.presets[preset], permissions }))
}
