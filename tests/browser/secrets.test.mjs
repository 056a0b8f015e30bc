// A secret is in the page while it is shown, and nowhere afterwards.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, openPage } from './support/browser.mjs'
import { traces } from './support/checks.mjs'
import { act, openCreate, openKeys, secretDialog, takeSecret } from './support/keys.mjs'
import { member, signedIn } from './support/people.mjs'
import { home, keysPage, makeKey, unique } from './support/world.mjs'

/** The part of a secret that nobody may know: what follows the public part. */
const hidden = (secret) => secret.split('_').at(-1)

async function expectGone(page, secret) {
  // Out of the clipboard too, where the person put it.
  await page.evaluate(() => navigator.clipboard.writeText(''))
  assert.deepEqual(await traces(page, hidden(secret)), [])
}

test('nothing holds a new secret once its dialog is closed', async () => {
  const page = await signedIn(member, home)
  await openKeys(page)
  const addresses = []
  page.on('framenavigated', (frame) => addresses.push(frame.url()))
  const requests = []
  page.on('request', (request) => requests.push(`${request.url()} ${request.postData() ?? ''}`))

  const dialog = await openCreate(page)
  const name = unique('Secret')
  await dialog.getByLabel('Name', { exact: true }).fill(name)
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  await secretDialog(page).waitFor()
  const secret = await takeSecret(page)
  await expectGone(page, secret)

  // Back and forth, another page, and the list anew: it does not come back.
  await page.goBack()
  await page.goForward()
  await expectGone(page, secret)
  await page.getByRole('navigation', { name: 'Main navigation' }).getByRole('link', { name: 'Customers' }).click()
  await page.getByRole('heading', { name: 'Customers', level: 1 }).waitFor()
  await expectGone(page, secret)
  await page.reload()
  await expectGone(page, secret)
  for (const text of [...addresses, ...requests]) assert.ok(!text.includes(hidden(secret)), text)
  await close(page)
})

test('nothing holds a regenerated secret once its dialog is closed', async () => {
  const page = await signedIn(member, home)
  const name = unique('Secret anew')
  const made = await makeKey('development', { name })
  await openKeys(page)
  await act(page, name, 'Regenerate')
  await page.getByRole('alertdialog').or(page.getByRole('dialog')).getByRole('button', { name: /^Regenerate/ }).click()
  const secret = await takeSecret(page)
  await expectGone(page, secret)
  await expectGone(page, made.secret)
  await close(page)
})

test('a secret that is pasted into the search is neither sent nor kept', async () => {
  const page = await signedIn(member, home)
  const name = unique('Pasted')
  const { secret } = await makeKey('development', { name })
  await openKeys(page)
  const requests = []
  page.on('request', (request) => requests.push(request.url()))
  await page.getByRole('searchbox').first().fill(secret)
  await page.getByText(/pasted a secret/i).waitFor()
  await page.getByRole('row').filter({ hasText: name }).waitFor()
  for (const url of requests) assert.ok(!url.includes(hidden(secret)), url)
  assert.deepEqual(await traces(page, hidden(secret)), [])
  await close(page)
})

test('a secret in a key’s address is never asked for or shown', async () => {
  const page = await signedIn(member, home)
  const { secret, id } = await makeKey('development', { name: unique('Detail') })
  await page.goto(`${keysPage}/${id}?env=development`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.waitForLoadState('networkidle')
  assert.deepEqual(await traces(page, hidden(secret)), [])
  await close(page)
})

test('answers with what belongs to a session are never stored', async () => {
  const page = await signedIn(member, home)
  const stored = []
  page.on('response', (response) => {
    if (new URL(response.url()).pathname.startsWith('/bff/') && response.headers()['cache-control'] !== 'no-store') stored.push(response.url())
  })
  await openKeys(page)
  await page.waitForLoadState('networkidle')
  assert.deepEqual(stored, [])
  const cookies = await page.context().cookies()
  // The session, and the device that is known again.
  assert.deepEqual(cookies.map(({ name }) => name).toSorted(), ['__Host-claviger', '__Host-claviger-device'])
  for (const { httpOnly, secure, sameSite } of cookies) assert.deepEqual({ httpOnly, secure, sameSite }, { httpOnly: true, secure: true, sameSite: 'Strict' })
  await close(page)
})

test('the console’s pages allow no script but its own', async () => {
  const page = await openPage()
  for (const path of ['/login', '/forgot', '/assets/no-such-file.js']) {
    const response = await page.goto(path)
    const policy = response.headers()['content-security-policy'] ?? ''
    if (path.startsWith('/assets')) assert.equal(response.status(), 404)
    else {
      assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*/)
      assert.match(policy, /frame-ancestors 'none'/)
    }
  }
  await close(page)
  const inside = await signedIn(member, home)
  const response = await inside.reload()
  const policy = response.headers()['content-security-policy']
  assert.match(policy, /require-trusted-types-for 'script'/)
  assert.match(policy, /default-src 'none'|default-src 'self'/)
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/)
  assert.equal(response.headers()['referrer-policy'], 'no-referrer')
  assert.equal(response.headers()['cross-origin-opener-policy'], 'same-origin')
  await close(inside)
})
