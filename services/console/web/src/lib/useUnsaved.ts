import { useBlocker } from '@tanstack/react-router'
import { useEffect } from 'react'
import { unsaved } from './reload'

/** While `isUnsaved`, closing the tab asks, and no upgrade loads the page anew. */
export function useUnsaved(isUnsaved: boolean) {
  useEffect(() => {
    if (!isUnsaved) return
    unsaved.set(unsaved.get() + 1)
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => {
      unsaved.set(unsaved.get() - 1)
      removeEventListener('beforeunload', ask)
    }
  }, [isUnsaved])
}

/** Holds back a change of page while `isUnsaved`; the caller asks, then goes on or stays. */
export const useLeaveGuard = (isUnsaved: boolean) =>
  useBlocker({ shouldBlockFn: () => isUnsaved, withResolver: true, enableBeforeUnload: false, disabled: !isUnsaved })
