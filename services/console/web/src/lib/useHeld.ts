import { useSyncExternalStore } from 'react'
import type { Held } from './emitter'

export const useHeld = <T>(store: Held<T>): T => useSyncExternalStore(store.subscribe, store.get)
