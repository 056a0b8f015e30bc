// Writes src/client/types.gen.ts: the types of the Integration API, from the document that the server generates.
// usage: node scripts/gen.mjs [FOLDER]
import { createClient } from '@hey-api/openapi-ts'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const output = process.argv[2] ?? here('../src/client')

await createClient({
  input: here('../../../api/openapi.json'),
  output: { path: output, clean: true },
  plugins: ['@hey-api/typescript'],
  logs: { level: 'warn' },
})
await rm(`${output}/index.ts`, { force: true })
