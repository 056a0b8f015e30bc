import { useState } from 'react'
import type { PermissionGroup } from '@/client/types.gen'
import { t } from '@/strings'
import { Button } from '../Button'
import { Note } from '../Note'
import { SearchInput } from '../SearchInput'
import { Select } from '../Select'
import { found } from './levels'
import { PermissionGroupRow } from './PermissionGroupRow'

export interface Preset {
  value: string
  label: string
  permissions: string[]
}

interface Props {
  groups: PermissionGroup[]
  value: string[]
  onChange: (value: string[]) => void
  presets?: Preset[]
  /** Whether the person may grant it; what they may not is locked and says so. */
  mayGrant?: (name: string) => boolean
  label?: string
  /** What it means that none is chosen. */
  none?: string
}

/** Chooses permissions: a level for each group, or one by one. */
export function PermissionPicker({ groups, value, onChange, presets = [], mayGrant = () => true, label = t.keyForm.permissions, none = t.keyForm.noPermissions }: Props) {
  const [text, setText] = useState('')
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const chosen = new Set(value)
  const isAll = chosen.has('*')
  const shown = found(groups, text)
  const toggle = (name: string, isOpen: boolean) => {
    const next = new Set(open)
    if (isOpen) next.add(name)
    else next.delete(name)
    setOpen(next)
  }
  return (
    <div role="group" aria-label={label}>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <span className="flex-1 text-13 font-medium">{label}</span>
        {presets.length > 0 && (
          <span className="flex items-center gap-2 text-12 text-muted">
            {t.keyForm.startFrom}
            <Select
              label={t.keyForm.startFrom}
              className="w-40!"
              options={presets}
              value={presets.find((preset) => sameSet(preset.permissions, value))?.value ?? null}
              placeholder="–"
              onChange={(name) => onChange(presets.find((preset) => preset.value === name)?.permissions ?? value)}
            />
          </span>
        )}
        <SearchInput label={t.keyForm.findPermission} value={text} onChange={(event) => setText(event.target.value)} className="w-44" />
      </div>
      {isAll ? (
        <Note kind="caution" action={<Button size="row" onClick={() => onChange(value.filter((name) => name !== '*'))}>{t.common.edit}</Button>}>
          {t.keyForm.fullAccess}
        </Note>
      ) : (
        <ul className="overflow-hidden rounded-control border border-line-strong">
          {shown.map((group) => (
            <PermissionGroupRow
              key={group.name}
              group={group}
              // Levels count the whole group, whatever the search shows of it.
              whole={groups.find(({ name }) => name === group.name) ?? group}
              chosen={chosen}
              isOpen={open.has(group.name) || text.trim() !== ''}
              onToggle={(isOpen) => toggle(group.name, isOpen)}
              onChange={(next) => onChange(next)}
              mayGrant={mayGrant}
            />
          ))}
          {shown.length === 0 && <li className="px-3 py-2 text-13 text-muted">{t.common.nothingFound}</li>}
        </ul>
      )}
      {value.length === 0 && (
        <Note kind="caution" className="mt-2" live>
          {none}
        </Note>
      )}
    </div>
  )
}

const sameSet = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((name) => other.includes(name))
