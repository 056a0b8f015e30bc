// Holds a built bundle against its budgets, in kB (1000 bytes) as brotli sends them, and the compressed copies against what they
// are copies of.
// usage: node scripts/budgets.mjs DIST
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

const dist = process.argv[2] ?? 'dist'
const assets = readdirSync(join(dist, 'assets'))
const size = (name) => statSync(join(dist, 'assets', name)).size
const html = readFileSync(join(dist, 'index.html'), 'utf8')
// What the first page loads: everything that index.html names.
const isEntry = (name) => html.includes(name.replace(/\.br$/, ''))
const sum = (names) => names.reduce((total, name) => total + size(name), 0)
const scripts = assets.filter((name) => name.endsWith('.js.br'))
const lazy = scripts.filter((name) => !isEntry(name)).map(size)

const rows = [
  ['entry scripts', sum(scripts.filter(isEntry)), 190],
  ['largest lazy script', Math.max(0, ...lazy), 120],
  ['styles', sum(assets.filter((name) => name.endsWith('.css.br'))), 12],
  // The compressed copies stand beside what they are made of, and a browser loads one of the two.
  ['whole bundle', sum(assets.filter((name) => !name.endsWith('.br'))), 1500],
]
for (const [name, bytes, limit] of rows) {
  console.log(`${name}: ${(bytes / 1000).toFixed(1)} kB of ${limit}`)
  if (bytes > limit * 1000) process.exitCode = 1
}
for (const name of assets.filter((name) => name.endsWith('.br'))) {
  const read = (file) => readFileSync(join(dist, 'assets', file))
  if (!brotliDecompressSync(read(name)).equals(read(name.slice(0, -3)))) {
    console.error(`${name} is not a copy of what it stands beside`)
    process.exitCode = 1
  }
}
