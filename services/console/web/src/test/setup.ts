import { cleanup, configure } from '@testing-library/react'
import { afterEach, vi } from 'vitest'

configure({ asyncUtilTimeout: 30_000 })

// What jsdom lacks.
vi.stubGlobal('matchMedia', (query: string) => ({
  matches: query.includes('56.25rem'),
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
}))
// As new browsers have it: with a promise, which an effect must not hand on as its clean-up.
Element.prototype.scrollTo = () => Promise.resolve() as never
Element.prototype.scrollIntoView = () => Promise.resolve() as never
Element.prototype.getAnimations ??= () => []
vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
vi.stubGlobal('PointerEvent', globalThis.PointerEvent ?? MouseEvent)
vi.stubGlobal('CSS', { escape: (text: string) => text.replaceAll(/[^\w-]/g, String.raw`\$&`) })

afterEach(() => {
  cleanup()
  localStorage.clear()
  sessionStorage.clear()
})
