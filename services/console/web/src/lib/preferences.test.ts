import { beforeEach, describe, expect, it } from 'vitest'
import { adoptPreferences, preferences, setPreferences } from './preferences'

beforeEach(() => localStorage.clear())

describe('preferences of the account', () => {
  it('hold where the browser has made no choice', () => {
    adoptPreferences({ theme: 'dark', density: 'compact' })
    expect(preferences.get()).toMatchObject({ theme: 'dark', density: 'compact' })
  })
  it('leave a choice of this browser alone', () => {
    setPreferences({ theme: 'light' })
    adoptPreferences({ theme: 'dark' })
    expect(preferences.get().theme).toBe('light')
  })
  it('are left out when they are not known', () => {
    setPreferences({ theme: 'light', density: 'comfortable' })
    localStorage.clear()
    adoptPreferences({ theme: 'pink', density: 7, other: true })
    expect(preferences.get()).toMatchObject({ theme: 'light', density: 'comfortable' })
  })
})
