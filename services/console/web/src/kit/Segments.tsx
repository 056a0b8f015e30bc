import { clsx } from 'clsx'

interface Props<V extends string> {
  label: string
  options: { value: V; label: string }[]
  value: V
  onChange: (value: V) => void
}

/** Changes a setting of what is shown below; tabs change the page. */
export function Segments<V extends string>({ label, options, value, onChange }: Props<V>) {
  return (
    <div role="group" aria-label={label} className="inline-flex rounded-control border border-line-strong bg-panel p-0.5">
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
          className={clsx(
            'h-6 rounded-badge px-2 text-13',
            option.value === value ? 'bg-sunken font-medium text-ink' : 'text-muted hover:bg-hover',
          )}
        >
          {option.label}
        </button>
      ))}
    </div>
  )
}
