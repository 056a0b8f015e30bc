import { Autocomplete } from '@base-ui/react/autocomplete'
import { Dialog as Base } from '@base-ui/react/dialog'
import { useNavigate } from '@tanstack/react-router'
import { Search } from 'lucide-react'
import { useState } from 'react'
import { Kbd } from '@/kit/Kbd'
import { useHeld } from '@/lib/useHeld'
import { publicPartOf } from '@/lib/secrets'
import { t } from '@/strings'
import { paletteOpen } from './open'
import { usePaletteGroups, type PaletteItem } from './usePaletteGroups'

/** Ctrl K: pages, environments, organizations, actions, and a search for keys. */
export function Palette() {
  const open = useHeld(paletteOpen)
  return (
    <Base.Root open={open} onOpenChange={(isOpen) => paletteOpen.set(isOpen)}>
      <Base.Portal>
        <Base.Backdrop className="part-scrim z-50" />
        <Base.Popup aria-label={t.shell.palette.title} className="part-dialog fixed top-[12vh] left-1/2 z-50 w-140 max-w-[94vw] -translate-x-1/2 overflow-hidden outline-none">
          <PaletteBody />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}

function PaletteBody() {
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const groups = usePaletteGroups(text)
  const go = (item: PaletteItem) => {
    paletteOpen.set(false)
    item.act?.()
    if (item.to) void navigate({ to: item.to as never, search: item.search as never })
  }
  return (
    <Autocomplete.Root
      open
      inline
      items={groups}
      value={text}
      // A pasted secret stays out of the field: only its public part is searched for.
      onValueChange={(value) => setText(publicPartOf(value) ?? value)}
      itemToStringValue={(item: PaletteItem) => item.label}
      autoHighlight="always"
      keepHighlight
    >
      <div className="flex items-center gap-2.5 border-b border-line px-4">
        <Search aria-hidden className="text-muted" />
        <Autocomplete.Input aria-label={t.shell.palette.title} placeholder={t.shell.palette.placeholder} className="h-11 min-w-0 flex-1 border-0 bg-transparent text-14 outline-none" />
        <Kbd>Esc</Kbd>
      </div>
      <Autocomplete.Empty className="px-4 py-3 text-13 text-muted empty:hidden">{t.common.nothingFound}</Autocomplete.Empty>
      <Autocomplete.List className="max-h-[50vh] overflow-y-auto p-1">
        {(group: { value: string; items: PaletteItem[] }) => (
          <Autocomplete.Group key={group.value} items={group.items}>
            <Autocomplete.GroupLabel className="px-2.5 pt-2 pb-1 text-12 text-muted">{group.value}</Autocomplete.GroupLabel>
            <Autocomplete.Collection>
              {(item: PaletteItem) => (
                <Autocomplete.Item key={item.id} value={item} className="part-option" onClick={() => go(item)}>
                  {item.icon}
                  <span className="flex-1 truncate">{item.label}</span>
                  {item.aside}
                  {item.shortcut && <Kbd>{item.shortcut}</Kbd>}
                </Autocomplete.Item>
              )}
            </Autocomplete.Collection>
          </Autocomplete.Group>
        )}
      </Autocomplete.List>
      <p className="border-t border-line px-4 py-2 text-12 text-muted">{t.shell.palette.hint}</p>
    </Autocomplete.Root>
  )
}
