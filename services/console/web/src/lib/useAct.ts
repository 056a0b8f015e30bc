import { useState } from 'react'
import { asFailure, type Failure } from './problem'

/**
 * Runs one change at a time and keeps how it failed. What it answers is handed on and held nowhere: answers to changes may
 * carry secrets.
 */
export function useAct() {
  const [isBusy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure | null>(null)
  return {
    isBusy,
    failure,
    clear: () => setFailure(null),
    /** `undefined` when it failed or when another one is running. */
    async run<T>(act: () => Promise<T>): Promise<{ value: T } | undefined> {
      if (isBusy) return undefined
      setBusy(true)
      setFailure(null)
      try {
        return { value: await act() }
      } catch (thrown) {
        setFailure(asFailure(thrown))
        return undefined
      } finally {
        setBusy(false)
      }
    },
  }
}
