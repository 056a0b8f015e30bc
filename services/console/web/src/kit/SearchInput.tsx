import { Search } from 'lucide-react'
import type { ComponentProps, Ref } from 'react'
import { Kbd } from './Kbd'

interface Props extends Omit<ComponentProps<'input'>, 'type'> {
  label: string
  /** The key that leads here. */
  shortcut?: string
  ref?: Ref<HTMLInputElement>
}

/** A search field. `data-search` is what the key `/` looks for. */
export function SearchInput({ label, shortcut, className, ...rest }: Props) {
  return (
    <span className={className ?? 'w-66'}>
      <span className="part-control flex h-7! items-center gap-2 px-2.5! pointer-coarse:h-10! max-wide:h-10!">
        <Search aria-hidden className="text-muted" />
        <input
          {...rest}
          type="search"
          aria-label={label}
          placeholder={rest.placeholder ?? label}
          autoComplete="off"
          spellCheck={false}
          data-search=""
          className="h-full min-w-0 flex-1 border-0 bg-transparent outline-none [&::-webkit-search-cancel-button]:hidden"
        />
        {shortcut && <Kbd className="max-wide:hidden">{shortcut}</Kbd>}
      </span>
    </span>
  )
}
