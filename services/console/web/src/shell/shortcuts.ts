import { useEffect } from 'react'
import { preferences } from '@/lib/preferences'
import { paletteOpen, sheetOpen } from './open'

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable="true"]')
// The palette counts from the moment it was asked for: it may still be loading.
const isDialogOpen = () => paletteOpen.get() || document.querySelector('[role="dialog"], [role="alertdialog"]') !== null

/** The keys of the whole console. Single letters do nothing while something is typed, in dialogs, or when turned off. */
export function useShortcuts(nextEnvironment: () => void) {
  useEffect(() => {
    let isAfterG = false
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        paletteOpen.set(true)
        return
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isDialogOpen()) return
      if (preferences.get().shortcuts === 'off') return
      const wasAfterG = isAfterG
      isAfterG = event.key === 'g'
      if (wasAfterG && event.key === 'e') nextEnvironment()
      else act(event)
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [nextEnvironment])
}

function act(event: KeyboardEvent) {
  switch (event.key) {
    case '/':
      event.preventDefault()
      document.querySelector<HTMLElement>('[data-search]')?.focus()
      break
    case 'c':
      document.querySelector<HTMLElement>('[data-create]')?.click()
      break
    case 'j':
      moveRow(1)
      break
    case 'k':
      moveRow(-1)
      break
    case '?':
      sheetOpen.set(true)
      break
  }
}

/** Moves the focus along the rows of the list on the page. */
function moveRow(step: 1 | -1) {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const current = rows.findIndex((row) => row.contains(document.activeElement))
  const next = current < 0 ? (step > 0 ? 0 : rows.length - 1) : current + step
  rows[Math.min(Math.max(next, 0), rows.length - 1)]?.focus()
}
