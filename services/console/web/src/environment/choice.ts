import { held } from '@/lib/emitter'
import { isEnvironmentChoice, type EnvironmentChoice } from '@/lib/environments'

const name = 'claviger.environment'

const read = (storage: () => Storage): EnvironmentChoice | null => {
  try {
    const value = storage().getItem(name)
    return isEnvironmentChoice(value) ? value : null
  } catch {
    return null
  }
}

function write(storage: () => Storage, value: EnvironmentChoice) {
  try {
    storage().setItem(name, value)
  } catch {
    // Without storage the choice holds for this page.
  }
}

/** Where this tab's choice comes from at the start, and what it replaced when a link asked for another. */
export function startingChoice(
  asked: unknown,
  ofTab: EnvironmentChoice | null,
  ofBrowser: EnvironmentChoice | null,
  isNewVisit: boolean,
): { choice: EnvironmentChoice; replaced: EnvironmentChoice | null } {
  const before = ofTab ?? ofBrowser
  // A reload or a step back is no link: the tab keeps its choice.
  if (!isEnvironmentChoice(asked) || !isNewVisit) return { choice: before ?? (isEnvironmentChoice(asked) ? asked : 'all'), replaced: null }
  return { choice: asked, replaced: before !== null && before !== asked ? before : null }
}

function start() {
  const asked = new URLSearchParams(location.search).get('env')
  const entry = performance.getEntriesByType?.('navigation')[0] as PerformanceNavigationTiming | undefined
  const isNewVisit = entry === undefined || entry.type === 'navigate'
  return startingChoice(asked, read(() => sessionStorage), read(() => localStorage), isNewVisit)
}

const started = start()
/** What the control of this tab stands at. A page about one thing shows that thing's environment meanwhile. */
export const choice = held<EnvironmentChoice>(started.choice)
/** The choice that a link replaced on arrival; `null` when none was, or once that was seen. */
export const replacedByLink = held<EnvironmentChoice | null>(started.replaced)

/** A choice made by hand: it holds for this tab, and for tabs to come. */
export function choose(value: EnvironmentChoice) {
  replacedByLink.set(null)
  choice.set(value)
  write(() => sessionStorage, value)
  write(() => localStorage, value)
}
