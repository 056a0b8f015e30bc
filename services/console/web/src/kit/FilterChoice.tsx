import { useState } from 'react'
import { t } from '@/strings'
import { Button } from './Button'
import type { FilterField } from './FilterBar'
import { Input } from './Input'
import { clsx } from 'clsx'

interface Props {
  field: FilterField
  value: string | undefined
  onChange: (value: string | undefined) => void
}

/** Sets one filter: one of a few words, or a text. */
export function FilterChoice({ field, value, onChange }: Props) {
  const [text, setText] = useState(value ?? '')
  if (!field.options)
    return (
      <form
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          onChange(text.trim() || undefined)
        }}
      >
        <Input aria-label={field.label} placeholder={field.placeholder} value={text} onChange={(event) => setText(event.target.value)} />
        <Button type="submit">{t.common.filter}</Button>
      </form>
    )
  return (
    <div role="listbox" aria-label={field.label} className="grid max-h-80 min-w-40 overflow-y-auto">
      {field.options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="option"
          aria-selected={option.value === value}
          className={clsx('part-option text-left hover:bg-hover', option.value === value && 'bg-selected')}
          onClick={() => onChange(option.value === value ? undefined : option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  )
}
