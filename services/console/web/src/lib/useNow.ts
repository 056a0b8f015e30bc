import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()
let now = new Date()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void) {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = new Date()
    for (const each of listeners) each()
  }, 10_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** The time, renewed every ten seconds while something shows it. One clock for the whole page. */
export const useNow = () => useSyncExternalStore(subscribe, () => now)

/** What a function of the time says: whoever shows it is drawn anew only when that changes. */
export const useAt = (text: (now: Date) => string): string =>
  useSyncExternalStore(subscribe, () => text(now))
