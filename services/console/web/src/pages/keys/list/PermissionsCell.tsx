import { TriangleAlert } from 'lucide-react'
import { Popover } from '@/kit/Popover'
import { t } from '@/strings'

interface Props {
  names: string[]
  /** What people call them. */
  titles: Map<string, string>
}

const isWild = (name: string) => name === '*' || name.endsWith('.*')

/** The first permission and how many more; all of them behind it. */
export function PermissionsCell({ names, titles }: Props) {
  const words = t.keys.cell
  if (names.length === 0) return <span className="text-muted">{words.noPermissions}</span>
  if (names.includes('*'))
    return (
      <span className="inline-flex items-center gap-1 text-soon">
        <TriangleAlert aria-hidden className="size-3.5" /> {words.allPermissions}
      </span>
    )
  const title = (name: string) => titles.get(name) ?? name
  const [first = '', ...rest] = names
  const label = (
    <span className="inline-flex items-center gap-1">
      {isWild(first) && <TriangleAlert aria-hidden className="size-3.5 text-soon" />}
      {title(first)}
    </span>
  )
  if (rest.length === 0) return label
  return (
    <Popover
      label={t.keys.columns.permissions}
      trigger={
        <button type="button" className="block rounded-badge text-left">
          {label}
          <span className="block text-12 text-muted">{words.more(rest.length)}</span>
        </button>
      }
    >
      <ul className="grid gap-1">
        {names.map((name) => (
          <li key={name} className="flex justify-between gap-6">
            {title(name)} <span className="font-mono text-12 text-muted">{name}</span>
          </li>
        ))}
      </ul>
    </Popover>
  )
}
