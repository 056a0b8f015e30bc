import { X } from 'lucide-react'
import { useState } from 'react'
import { t } from '@/strings'

interface Props {
  values: string[]
  onChange: (values: string[]) => void
  id?: string
  placeholder?: string
  'aria-describedby'?: string | undefined
  'aria-invalid'?: true | undefined
}

/** Free words as chips: Enter, a comma or leaving the field makes one. */
export function TagInput({ values, onChange, id, placeholder, ...rest }: Props) {
  const [text, setText] = useState('')
  const add = () => {
    const words = text.split(',').map((word) => word.trim()).filter((word) => word !== '' && !values.includes(word))
    if (words.length > 0) onChange([...values, ...words])
    setText('')
  }
  return (
    <div className="part-control flex h-auto! min-h-8 flex-wrap items-center gap-1 p-1! pl-1.5! max-wide:min-h-10" aria-invalid={rest['aria-invalid']}>
      {values.map((value) => (
        <span key={value} className="flex items-center gap-1 rounded-badge border border-line-strong pl-1.5 text-12 leading-5">
          {value}
          <button
            type="button"
            aria-label={t.common.remove(value)}
            className="grid size-5 place-items-center rounded-badge hover:bg-sunken"
            onClick={() => onChange(values.filter((other) => other !== value))}
          >
            <X aria-hidden className="size-3" />
          </button>
        </span>
      ))}
      <input
        id={id}
        value={text}
        placeholder={values.length === 0 ? placeholder : undefined}
        aria-describedby={rest['aria-describedby']}
        className="min-w-16 flex-1 border-0 bg-transparent px-1 outline-none"
        onChange={(event) => setText(event.target.value)}
        onBlur={add}
        onKeyDown={(event) => {
          if (event.key === 'Enter' || event.key === ',') {
            event.preventDefault()
            add()
          } else if (event.key === 'Backspace' && text === '') onChange(values.slice(0, -1))
        }}
      />
    </div>
  )
}
