import { describe, expect, it } from 'vitest'
import { fromLocalField, relative, toLocalField } from './time'

const now = new Date('2026-11-19T13:32:00Z')
const at = (milliseconds: number) => new Date(now.getTime() + milliseconds)

describe('relative time', () => {
  it.each([
    [-8_000, '8 s ago'],
    [-119_000, '1 min ago'],
    [-3_600_000, '1 h ago'],
    [3 * 86_400_000, 'in 3 d'],
    [59 * 86_400_000, 'in 59 d'],
    [220 * 86_400_000, 'in 7 mo'],
    [-800 * 86_400_000, '2 y ago'],
    [0, 'now'],
  ])('%d ms is "%s"', (milliseconds, text) => expect(relative(at(milliseconds), now)).toBe(text))
})

describe('the field for date and time', () => {
  it('gives back the minute that was put in', () => {
    expect(fromLocalField(toLocalField(now))?.getTime()).toBe(now.getTime())
  })
  it('holds nothing when it is empty', () => expect(fromLocalField('')).toBeNull())
})
