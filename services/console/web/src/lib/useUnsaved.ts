import { useEffect } from 'react'
import { dirtyForms, unsaved } from './reload'

/**
 * While `isUnsaved`, closing the tab asks and no upgrade loads the page anew. Leaving the page asks too, unless what is unsaved
 * lives above pages.
 */
export function useUnsaved(isUnsaved: boolean, isAbovePages = false) {
  useEffect(() => {
    if (!isUnsaved) return
    const counters = isAbovePages ? [unsaved] : [unsaved, dirtyForms]
    for (const counter of counters) counter.set(counter.get() + 1)
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => {
      for (const counter of counters) counter.set(counter.get() - 1)
      removeEventListener('beforeunload', ask)
    }
  }, [isUnsaved, isAbovePages])
}
