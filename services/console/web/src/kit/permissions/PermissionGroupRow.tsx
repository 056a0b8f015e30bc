import { ChevronDown, ChevronRight, Lock, TriangleAlert } from 'lucide-react'
import { clsx } from 'clsx'
import type { PermissionGroup } from '@/client/types.gen'
import { t } from '@/strings'
import { Checkbox } from '../Checkbox'
import { isFinal, levelOf, namesAt, withLevel, type Level } from './levels'

interface Props {
  /** What is shown of the group. */
  group: PermissionGroup
  whole: PermissionGroup
  chosen: ReadonlySet<string>
  isOpen: boolean
  onToggle: (isOpen: boolean) => void
  onChange: (value: string[]) => void
  mayGrant: (name: string) => boolean
}

const levels: Level[] = ['none', 'read', 'write', 'custom']

/** One group: its level at a glance, its permissions below. */
export function PermissionGroupRow({ group, whole, chosen, isOpen, onToggle, onChange, mayGrant }: Props) {
  const level = levelOf(whole, chosen)
  const held = whole.permissions.filter(({ name }) => chosen.has(name)).length
  const isLocked = whole.permissions.some(({ name }) => !mayGrant(name))
  const choose = (next: Level) => {
    if (next === 'custom') onToggle(true)
    else onChange(withLevel([...chosen], whole, next))
  }
  // A level that stands for what the person may not grant, or for nothing, is not offered.
  const isOffered = (option: Level) =>
    option === 'none' || option === 'custom' || (namesAt(whole, option).length > 0 && namesAt(whole, option).every((name) => chosen.has(name) || mayGrant(name)))
  return (
    <li className="border-b border-line last:border-b-0">
      <div className="flex min-h-9.5 flex-wrap items-center gap-x-2 px-2 py-1">
        <button type="button" aria-expanded={isOpen} onClick={() => onToggle(!isOpen)} className="flex min-h-6 min-w-0 flex-1 items-center gap-2 rounded-badge text-left text-13 font-medium">
          {isOpen ? <ChevronDown aria-hidden className="size-3.5" /> : <ChevronRight aria-hidden className="size-3.5" />}
          {whole.name}
          {isLocked && (
            <span className="flex items-center gap-1 text-12 font-normal text-muted">
              <Lock aria-hidden className="size-3" /> {t.keyForm.youHold}
            </span>
          )}
        </button>
        <span className="text-12 text-muted">{t.keyForm.of(held, whole.permissions.length)}</span>
        <span role="group" aria-label={whole.name} className="flex">
          {levels.map((option) => (
            <button
              key={option}
              type="button"
              aria-pressed={option === level}
              disabled={!isOffered(option)}
              onClick={() => choose(option)}
              className={clsx(
                'h-6 rounded-badge px-2 text-12 disabled:text-disabled wide:w-14',
                option === level
                  ? option === 'none'
                    ? 'bg-sunken font-medium text-ink'
                    : 'bg-accent-soft font-medium text-accent'
                  : 'text-muted hover:text-ink',
              )}
            >
              {t.keyForm.levels[option]}
            </button>
          ))}
        </span>
      </div>
      {isOpen && (
        <ul className="bg-bg">
          {group.permissions.map((permission) => {
            const isChosen = chosen.has(permission.name)
            return (
              <li key={permission.name} className="flex min-h-8 flex-wrap items-center gap-x-3 border-t border-line py-1 pr-3 pl-9">
                <Checkbox
                  checked={isChosen}
                  disabled={!isChosen && !mayGrant(permission.name)}
                  onChange={(checked) => onChange(checked ? [...chosen, permission.name] : [...chosen].filter((name) => name !== permission.name))}
                  label={permission.display_name}
                  className="wide:w-44"
                />
                <span className="font-mono text-12 text-muted wide:w-40">{permission.name}</span>
                <span className="min-w-0 flex-1 truncate text-12 text-muted" title={permission.description}>
                  {permission.description}
                </span>
                {isFinal(permission.name) && (
                  <span className="flex items-center gap-1 text-12 text-soon">
                    <TriangleAlert aria-hidden className="size-3" /> {t.keyForm.final}
                  </span>
                )}
              </li>
            )
          })}
        </ul>
      )}
    </li>
  )
}
