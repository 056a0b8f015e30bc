// How much is sent before the first page, and how soon it is painted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close } from './support/browser.mjs'
import { member, signedIn } from './support/people.mjs'
import { home, keysPage } from './support/world.mjs'

/** Brotli bytes of each kind that a first visit of a page loads. */
async function sent(path) {
  const page = await signedIn(member, '/account/profile')
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.clearBrowserCache')
  const kinds = new Map()
  session.on('Network.responseReceived', ({ requestId, response }) => {
    const { pathname } = new URL(response.url)
    if (pathname.startsWith('/assets/')) kinds.set(requestId, { name: pathname, kind: pathname.split('.').at(-1), encoding: response.headers['content-encoding'] })
  })
  const bytes = {}
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const asset = kinds.get(requestId)
    if (!asset) return
    if (asset.kind === 'js' || asset.kind === 'css') assert.equal(asset.encoding, 'br', `${asset.name} is sent compressed`)
    bytes[asset.kind] = (bytes[asset.kind] ?? 0) + encodedDataLength
  })
  await page.goto(path)
  await page.waitForLoadState('networkidle')
  await close(page)
  return bytes
}

test('a first page loads at most 190 kB of script and 12 kB of styles', async (t) => {
  for (const path of [home, keysPage]) {
    const bytes = await sent(path)
    t.diagnostic(`${path}: ${JSON.stringify(bytes)}`)
    assert.ok(bytes.css <= 12_000, `${bytes.css} bytes of styles`)
    // A page of its own may add a chunk of at most 120 kB.
    assert.ok(bytes.js <= (path === home ? 190_000 : 310_000), `${bytes.js} bytes of script`)
  }
})

test('a page is painted within half a second on this machine, in the best of its loads', async (t) => {
  const page = await signedIn(member, keysPage)
  let best = Infinity
  // A machine that builds beside this is slow at times, so the best counts; one that never makes it fails.
  for (let load = 0; load < 20 && best > 500; load++) {
    await page.reload()
    await page.getByRole('heading', { level: 1 }).waitFor()
    best = Math.min(best, await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity))
  }
  t.diagnostic(`first contentful paint: ${Math.round(best)} ms`)
  assert.ok(best <= 500, `${best} ms`)
  await close(page)
})

test('assets are immutable, the page is not, and a missing asset is 404', async () => {
  const page = await signedIn(member, home)
  const html = await page.reload()
  assert.match(html.headers()['cache-control'], /no-cache|no-store/)
  const asset = await page.evaluate(() => performance.getEntriesByType('resource').find(({ name }) => name.includes('/assets/')).name)
  const answer = await page.request.get(asset)
  assert.match(answer.headers()['cache-control'], /immutable/)
  assert.equal((await page.request.get('/assets/index-00000000.js')).status(), 404)
  await close(page)
})
