import { describe, expect, it } from 'vitest'
import { exampleKey } from '@/test/keys'
import { asCsv, asLines, csvCell } from './export'

describe('an exported file', () => {
  it.each([
    ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@a', "'@a"],
    ['\ta', "'\ta"],
    ['a,b', '"a,b"'],
    ['plain', 'plain'],
  ])('holds %s as %s', (text, cell) => expect(csvCell(text)).toBe(cell))

  it('has a line for each key, and no secret', () => {
    const lines = asCsv([exampleKey, { ...exampleKey, name: '=cmd' }]).trim().split('\r\n')
    expect(lines).toHaveLength(3)
    expect(lines[2]).toContain("'=cmd")
    expect(JSON.parse(asLines([exampleKey]))).toEqual(exampleKey)
  })
})
