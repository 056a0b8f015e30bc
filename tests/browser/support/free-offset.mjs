// Prints an offset at which every port of `claviger dev` is free, found by listening on each.
import { createServer } from 'node:net'

/** Ports 3000 to 3047 hold all that `claviger dev` listens on. */
const ports = Array.from({ length: 48 }, (_, index) => 3000 + index)

const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

async function isFreeAt(offset) {
  for (const port of ports) if (!(await isFree(port + offset))) return false
  return true
}

// Below the ports that systems hand out by themselves.
for (let attempt = 0; attempt < 200; attempt++) {
  const offset = 6000 + 50 * Math.floor(Math.random() * 450)
  if (await isFreeAt(offset)) {
    console.log(offset)
    process.exit(0)
  }
}
console.error('no free ports were found')
process.exit(1)
