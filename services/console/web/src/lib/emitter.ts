/** A value that lives outside React: read by components through `useSyncExternalStore`, written from anywhere. */
export interface Held<T> {
  get(): T
  set(value: T): void
  subscribe(listener: () => void): () => void
}

export function held<T>(initial: T): Held<T> {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
