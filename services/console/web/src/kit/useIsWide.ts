import { useSyncExternalStore } from 'react'

const query = '(width >= 56.25rem)'
const subscribe = (listener: () => void) => {
  const list = matchMedia(query)
  list.addEventListener('change', listener)
  return () => list.removeEventListener('change', listener)
}

/** Whether there is room for the sidebar and for tables: 900 px and more. */
export const useIsWide = () => useSyncExternalStore(subscribe, () => matchMedia(query).matches)
