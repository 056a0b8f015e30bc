import { ListFilter, Plus, X } from 'lucide-react'
import { useEffect, useState, type ReactNode } from 'react'
import { t } from '@/strings'
import { Button } from './Button'
import { FilterChoice } from './FilterChoice'
import { Menu, MenuItem } from './Menu'
import { Popover } from './Popover'
import { SearchInput } from './SearchInput'
import { useIsWide } from './useIsWide'

export interface FilterField {
  name: string
  label: string
  /** Given: one of these. Absent: a text. */
  options?: { value: string; label: string }[]
  placeholder?: string
}

export type FilterValues = Record<string, string | undefined>

interface Props {
  search?: {
    value: string
    label: string
    onChange: (text: string) => void
    /** What of a text may stand in the field at all. */
    clean?: (text: string) => string
  }
  fields: FilterField[]
  values: FilterValues
  /** Committed choices make a step in the browser's history. */
  onChange: (change: FilterValues) => void
  /** At the right: the count and the columns. */
  aside?: ReactNode
}

/** The search field and the filters of a list, as chips. Their values live in the address. */
export function FilterBar({ search, fields, values, onChange, aside }: Props) {
  const isWide = useIsWide()
  const [added, setAdded] = useState<string | null>(null)
  const active = fields.filter((field) => values[field.name] !== undefined || field.name === added)
  const rest = fields.filter((field) => !active.includes(field))
  const clear = Object.fromEntries(fields.map((field) => [field.name, undefined]))
  return (
    <div role="search" className="flex flex-wrap items-center gap-2 px-4 py-3.5 wide:px-6">
      {search && <DebouncedSearch {...search} />}
      {isWide ? (
        <>
          {active.map((field) => (
            <Chip
              key={field.name}
              field={field}
              value={values[field.name]}
              isOpen={field.name === added}
              onClosed={() => setAdded(null)}
              onChange={(value) => {
                setAdded(null)
                onChange({ [field.name]: value })
              }}
            />
          ))}
          {rest.length > 0 && (
            <Menu
              align="start"
              trigger={
                <button type="button" className="flex h-7 items-center gap-1 rounded-badge border border-dashed border-line-strong px-2 text-12 text-muted hover:bg-hover">
                  <Plus aria-hidden className="size-3.5" />
                  {rest.length === 1 ? rest[0]!.label : t.common.filter}
                </button>
              }
            >
              {rest.map((field) => (
                <MenuItem key={field.name} onSelect={() => setAdded(field.name)}>
                  {field.label}
                </MenuItem>
              ))}
            </Menu>
          )}
          {active.some((field) => values[field.name] !== undefined) && (
            <button type="button" className="h-7 px-1 text-12 font-medium text-accent hover:underline" onClick={() => onChange(clear)}>
              {t.common.clearFilters}
            </button>
          )}
        </>
      ) : (
        fields.length > 0 && <NarrowFilters fields={fields} values={values} onChange={onChange} clear={clear} />
      )}
      {aside && <div className="ml-auto flex items-center gap-3 text-12 text-muted">{aside}</div>}
    </div>
  )
}

interface ChipProps {
  field: FilterField
  value: string | undefined
  isOpen: boolean
  onClosed: () => void
  onChange: (value: string | undefined) => void
}

function Chip({ field, value, isOpen, onClosed, onChange }: ChipProps) {
  const [open, setOpen] = useState(isOpen)
  const shown = field.options?.find((option) => option.value === value)?.label ?? value
  return (
    <span className="flex h-7 items-center rounded-badge border border-line-strong text-12">
      <Popover
        label={field.label}
        open={open}
        onOpenChange={(next) => {
          setOpen(next)
          if (!next) onClosed()
        }}
        trigger={
          <button type="button" className="flex h-full items-center gap-1.5 rounded-badge px-2">
            <span className="text-muted">{field.label}</span>
            {shown ?? '…'}
          </button>
        }
      >
        <FilterChoice
          field={field}
          value={value}
          onChange={(next) => {
            setOpen(false)
            onChange(next)
          }}
        />
      </Popover>
      {value !== undefined && (
        <button type="button" aria-label={t.common.remove(field.label)} className="grid h-full w-6 place-items-center" onClick={() => onChange(undefined)}>
          <X aria-hidden className="size-3" />
        </button>
      )}
    </span>
  )
}

function NarrowFilters({ fields, values, onChange, clear }: Pick<Props, 'fields' | 'values' | 'onChange'> & { clear: FilterValues }) {
  const count = fields.filter((field) => values[field.name] !== undefined).length
  return (
    <Popover
      align="end"
      label={t.common.filters}
      trigger={
        <Button size="bar" icon={<ListFilter aria-hidden />}>
          {t.common.filters} {count > 0 && <span className="rounded-badge bg-sunken px-1.5 text-12">{count}</span>}
        </Button>
      }
    >
      <div className="grid gap-4">
        {fields.map((field) => (
          <div key={field.name}>
            <div className="mb-1 font-medium">{field.label}</div>
            <FilterChoice field={field} value={values[field.name]} onChange={(value) => onChange({ [field.name]: value })} />
          </div>
        ))}
        {count > 0 && <Button onClick={() => onChange(clear)}>{t.common.clearFilters}</Button>}
      </div>
    </Popover>
  )
}

/** Waits for a pause in typing: 250 ms. What comes from outside (a link, "Clear") is taken over at once. */
function DebouncedSearch({ value, label, onChange, clean = (typed) => typed }: NonNullable<Props['search']>) {
  const [text, setText] = useState(value)
  const [seen, setSeen] = useState(value)
  if (value !== seen) {
    setSeen(value)
    setText(value)
  }
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => onChange(text), 250)
    return () => clearTimeout(timer)
  }, [text, value, onChange])
  return <SearchInput label={label} shortcut="/" value={text} onChange={(event) => setText(clean(event.target.value))} className="w-66 max-wide:min-w-0 max-wide:flex-1" />
}
