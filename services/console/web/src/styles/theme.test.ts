import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const read = (name: string) => readFileSync(`src/styles/${name}`, 'utf8')

describe('the theme', () => {
  it('gives Tailwind every token, and only tokens', () => {
    const tokens = new Set(read('tokens.css').match(/--(?:font|text|radius|shadow|ease|color)-[a-z0-9-]+(?=:)/g))
    const named = new Set(Array.from(read('theme.css').matchAll(/^ {2}(--[a-z0-9-]+): var\(\1\);/gm), ([, name]) => name!))
    for (const token of tokens) expect(named).toContain(token)
    named.delete('--spacing')
    for (const name of named) expect(tokens).toContain(name)
  })
})
