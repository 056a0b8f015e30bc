import { held } from './emitter'

export type Theme = 'system' | 'light' | 'dark'
export interface Preferences {
  theme: Theme
  density: 'comfortable' | 'compact'
  motion: 'system' | 'reduced'
  shortcuts: 'on' | 'off'
}

const defaults: Preferences = { theme: 'system', density: 'comfortable', motion: 'system', shortcuts: 'on' }

const stored = (name: string): string | null => {
  try {
    return localStorage.getItem(`claviger.${name}`)
  } catch {
    return null
  }
}

/** Kept in the browser, because they are needed before the first paint; the account keeps a copy for other browsers. */
export const preferences = held<Preferences>({
  ...defaults,
  ...Object.fromEntries(
    Object.keys(defaults)
      .map((name) => [name, stored(name)])
      .filter(([, value]) => value !== null),
  ),
})

export function setPreferences(change: Partial<Preferences>) {
  const next = { ...preferences.get(), ...change }
  for (const [name, value] of Object.entries(next)) {
    try {
      localStorage.setItem(`claviger.${name}`, value)
    } catch {
      // Without storage the choice holds for this page.
    }
  }
  preferences.set(next)
  applyPreferences()
}

const choices: { [K in keyof Preferences]: readonly Preferences[K][] } = {
  theme: ['system', 'light', 'dark'],
  density: ['comfortable', 'compact'],
  motion: ['system', 'reduced'],
  shortcuts: ['on', 'off'],
}

/** Takes over what an account keeps, where this browser has made no choice of its own. What is not known is left out. */
export function adoptPreferences(kept: Record<string, unknown>) {
  const names = Object.keys(choices) as (keyof Preferences)[]
  const taken = names.filter((name) => stored(name) === null && (choices[name] as readonly unknown[]).includes(kept[name]))
  if (taken.length > 0) setPreferences(Object.fromEntries(taken.map((name) => [name, kept[name]])))
}

export function applyPreferences() {
  const { theme, density, motion } = preferences.get()
  const root = document.documentElement
  const dark = theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
  root.dataset.theme = dark ? 'dark' : 'light'
  root.dataset.density = density
  root.dataset.motion = motion
}

/** Follows the system while the theme is left to it. */
export const followSystemTheme = () =>
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyPreferences)

/** A small value of this browser, such as which columns are shown. Never a secret. */
export const remembered = {
  get: (name: string): unknown => {
    try {
      return JSON.parse(stored(name) ?? 'null')
    } catch {
      return null
    }
  },
  set: (name: string, value: unknown) => {
    try {
      localStorage.setItem(`claviger.${name}`, JSON.stringify(value))
    } catch {
      // As above.
    }
  },
}
