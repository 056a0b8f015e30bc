import { describe, expect, it } from 'vitest'
import { startingChoice } from './choice'

describe('the environment at the start', () => {
  it('is what a link asks for, and says what it replaced', () => {
    expect(startingChoice('production', null, 'staging', true)).toEqual({ choice: 'production', replaced: 'staging' })
  })

  it('says nothing when the link asks for what was chosen', () => {
    expect(startingChoice('staging', null, 'staging', true).replaced).toBeNull()
    expect(startingChoice('staging', null, null, true).replaced).toBeNull()
  })

  it('keeps the choice of the tab over a reload of a page about one thing', () => {
    expect(startingChoice('production', 'all', 'staging', false)).toEqual({ choice: 'all', replaced: null })
  })

  it('is all when nothing was ever chosen', () => {
    expect(startingChoice(undefined, null, null, true).choice).toBe('all')
    expect(startingChoice('nowhere', null, null, true).choice).toBe('all')
  })
})
