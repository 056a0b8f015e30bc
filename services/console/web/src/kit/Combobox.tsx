import { Combobox as Base } from '@base-ui/react/combobox'
import { Check, ChevronDown, X } from 'lucide-react'
import { t } from '@/strings'
import type { Option } from './Select'

interface Props {
  options: Option[]
  value: string | null
  onChange: (value: string | null) => void
  id?: string
  placeholder?: string
  /** Given when the list is searched on the server; the list is then shown as it is. */
  onSearch?: (text: string) => void
  'aria-describedby'?: string | undefined
  'aria-invalid'?: true | undefined
}

/** One of many, found by typing; may be cleared. */
export function Combobox({ options, value, onChange, id, placeholder, onSearch, ...rest }: Props) {
  const chosen = options.find((option) => option.value === value) ?? (value ? { value, label: value } : null)
  return (
    <Base.Root
      items={options}
      value={chosen}
      onValueChange={(option: Option | null) => onChange(option?.value ?? null)}
      isItemEqualToValue={(one: Option, other: Option) => one.value === other.value}
      onInputValueChange={(text, details) => details.reason === 'input-change' && onSearch?.(text)}
      filter={onSearch ? null : undefined}
    >
      <Base.InputGroup className="part-control flex items-center gap-1 pr-1!" aria-invalid={rest['aria-invalid']}>
        <Base.Input
          id={id}
          placeholder={placeholder}
          aria-describedby={rest['aria-describedby']}
          className="min-w-0 flex-1 border-0 bg-transparent outline-none"
        />
        <Base.Clear aria-label={t.common.clear} className="grid size-6 place-items-center rounded-badge hover:bg-sunken">
          <X aria-hidden className="size-3.5" />
        </Base.Clear>
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
                  <span className="min-w-0">
                    <span className="block truncate">{option.label}</span>
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
