import { held } from '@/lib/emitter'

/** Whether the command palette is open. */
export const paletteOpen = held(false)
/** Whether the list of keys of the keyboard is open. */
export const sheetOpen = held(false)
