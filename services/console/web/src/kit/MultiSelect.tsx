import { Combobox as Base } from '@base-ui/react/combobox'
import { Check, ChevronDown, X } from 'lucide-react'
import { clsx } from 'clsx'
import { t } from '@/strings'
import type { Option } from './Select'

interface Props {
  options: Option[]
  values: string[]
  onChange: (values: string[]) => void
  id?: string
  placeholder?: string
  /** Chosen values that no longer exist: struck through. */
  stale?: ReadonlySet<string>
  onSearch?: (text: string) => void
  'aria-describedby'?: string | undefined
  'aria-invalid'?: true | undefined
}

/** Several of many, as chips; found by typing. */
export function MultiSelect({ options, values, onChange, id, placeholder, stale, onSearch, ...rest }: Props) {
  const chosen = values.map((value) => options.find((option) => option.value === value) ?? { value, label: value })
  return (
    <Base.Root
      multiple
      items={options}
      value={chosen}
      onValueChange={(next: Option[]) => onChange(next.map((option) => option.value))}
      isItemEqualToValue={(one: Option, other: Option) => one.value === other.value}
      onInputValueChange={(text, details) => details.reason === 'input-change' && onSearch?.(text)}
      filter={onSearch ? null : undefined}
    >
      <Base.InputGroup
        className="part-control flex h-auto! min-h-8 items-center gap-1 p-1! pl-1.5! max-wide:min-h-10"
        aria-invalid={rest['aria-invalid']}
      >
        <Base.Chips className="flex min-w-0 flex-1 flex-wrap items-center gap-1">
          {chosen.map((option) => (
            <Base.Chip
              key={option.value}
              aria-label={option.label}
              className="flex max-w-full items-center gap-1 rounded-badge border border-line-strong bg-panel pl-1.5 text-12 leading-5 data-[highlighted]:bg-selected"
            >
              <span className={clsx('truncate', stale?.has(option.value) && 'text-muted line-through')}>{option.label}</span>
              <Base.ChipRemove
                aria-label={t.common.remove(option.label)}
                className="grid size-5 place-items-center rounded-badge hover:bg-sunken"
              >
                <X aria-hidden className="size-3" />
              </Base.ChipRemove>
            </Base.Chip>
          ))}
          <Base.Input
            id={id}
            placeholder={values.length === 0 ? placeholder : undefined}
            aria-describedby={rest['aria-describedby']}
            className="min-w-12 flex-1 border-0 bg-transparent px-1 outline-none"
          />
        </Base.Chips>
        <Base.Trigger aria-label={t.common.open} className="grid size-6 place-items-center">
          <ChevronDown aria-hidden />
        </Base.Trigger>
      </Base.InputGroup>
      <Base.Portal>
        <Base.Positioner sideOffset={4} className="z-50 outline-none">
          <Base.Popup className="part-float w-[max(var(--anchor-width),16rem)] p-1">
            <Base.Empty className="px-2.5 py-1.5 text-13 text-muted empty:hidden">{t.common.nothingFound}</Base.Empty>
            <Base.List className="max-h-[min(20rem,var(--available-height))] overflow-y-auto">
              {(option: Option) => (
                <Base.Item key={option.value} value={option} className="part-option justify-between">
                  <span className="min-w-0 truncate">
                    {option.label}
                    {option.detail && <span className="block text-12 text-muted">{option.detail}</span>}
                  </span>
                  <Base.ItemIndicator>
                    <Check aria-hidden />
                  </Base.ItemIndicator>
                </Base.Item>
              )}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
