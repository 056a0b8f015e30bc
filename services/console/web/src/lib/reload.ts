import { held } from './emitter'
import { isOutdated } from './http'

/** How many things on the page would be lost by loading it anew: forms with changes, secrets on screen. */
export const unsaved = held(0)
/** Of these, the forms with changes: leaving their page loses them. */
export const dirtyForms = held(0)
const name = 'claviger.reloaded'

/**
 * A page whose parts are gone from the server, because it was upgraded meanwhile, is loaded anew: once, and never over a form
 * with changes or a secret on screen.
 */
export function reloadOnceForNewAssets() {
  addEventListener('vite:preloadError', (event) => {
    const before = Number(sessionStorage.getItem(name) ?? 0)
    if (unsaved.get() > 0 || Date.now() - before < 60_000) {
      isOutdated.set(true)
      return
    }
    event.preventDefault()
    sessionStorage.setItem(name, String(Date.now()))
    location.reload()
  })
}
