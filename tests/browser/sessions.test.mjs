// Signing in and out, what an ended session leaves, and second factors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet, openPage } from './support/browser.mjs'
import { openCreate, openKeys } from './support/keys.mjs'
import { admin, bff, bffConfirmed, confirmIdentity, forget, inStaging, member, signedIn, spare, totp, typeCredentials } from './support/people.mjs'
import { eventually, home, keysPage, org, unique } from './support/world.mjs'

const isAtLogin = (url) => url.pathname.startsWith('/login')

test('signing in leads to the page that was asked for', async () => {
  const page = await openPage()
  await page.goto(`${keysPage}?env=staging&status=active`)
  assert.ok(isAtLogin(new URL(page.url())))
  await typeCredentials(page, member)
  await page.getByRole('heading', { name: 'API Keys', level: 1 }).waitFor()
  const url = new URL(page.url())
  assert.equal(url.pathname, keysPage)
  assert.equal(url.searchParams.get('env'), 'staging')
  assert.equal(url.searchParams.get('status'), 'active')
  expectQuiet(page)
  await close(page)
})

test('a wrong password and an unknown person get the same answer', async () => {
  const page = await openPage()
  const said = []
  for (const person of [{ ...member, password: 'not the password' }, { email: `${unique('nobody').replaceAll(' ', '-')}@example.com`, password: 'whatever it is' }]) {
    await page.goto('/login')
    await typeCredentials(page, person)
    said.push(await page.getByRole('alert').innerText())
    assert.equal(await page.getByLabel('E-mail').inputValue(), person.email)
    assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), '')
  }
  assert.equal(said[0], said[1])
  await close(page)
})

test('signing in leads nowhere outside the console', async () => {
  for (const next of ['https://example.com/', '//example.com/', '/\\example.com', 'javascript:alert(1)']) {
    const page = await openPage()
    await page.goto(`/login?next=${encodeURIComponent(next)}`)
    await typeCredentials(page, member)
    await page.waitForURL((url) => !isAtLogin(url))
    assert.ok(!page.url().includes('example.com/'), page.url())
    expectQuiet(page)
    await close(page)
  }
})

test('signing in works without JavaScript', async () => {
  const page = await openPage({ javaScriptEnabled: false })
  await page.goto('/login?next=%2Faccount%2Fprofile')
  await typeCredentials(page, member)
  await page.waitForURL((url) => !isAtLogin(url))
  assert.equal(new URL(page.url()).pathname, '/account/profile')
  await close(page)
})

test('signing out ends the session, for its cookie too', async () => {
  const person = inStaging.viewer
  const page = await signedIn(person)
  forget(person)
  const state = await page.context().storageState()
  await page.getByRole('button', { name: /^Account/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.waitForURL(isAtLogin)
  const other = await openPage({ state })
  await other.goto(home)
  assert.ok(isAtLogin(new URL(other.url())), 'an ended cookie opens nothing')
  await close(other)
  await close(page)
})

test('a session that ends while a form is filled loses nothing', async () => {
  const person = inStaging.developer
  const page = await signedIn(person, home)
  forget(person)
  await openKeys(page)
  const dialog = await openCreate(page)
  const name = unique('Typed before the end')
  await dialog.getByLabel('Name', { exact: true }).fill(name)
  await bff(page, 'POST', '/control/v1/session/sign-out')
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor()

  const [tab] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Sign in again' }).click()])
  await typeCredentials(tab, person)
  await tab.waitForURL((url) => !isAtLogin(url))
  await tab.close()
  await page.getByRole('button', { name: 'I have signed in' }).click()
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor({ state: 'hidden' })
  assert.equal(await dialog.getByLabel('Name', { exact: true }).inputValue(), name)
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  await page.getByText('only time the full key is shown').waitFor()
  await close(page)
})

test('sessions are listed, and one is ended from another', async () => {
  const person = inStaging.auditor
  forget(person)
  const one = await signedIn(person)
  const fresh = await openPage()
  await fresh.goto('/login')
  await typeCredentials(fresh, person)
  await fresh.waitForURL((url) => !isAtLogin(url))

  await one.goto('/account/sessions')
  await one.getByText('This session').waitFor()
  await one.getByRole('button', { name: 'End the others' }).click()
  await one.getByRole('alertdialog').getByRole('button', { name: 'End the others' }).click()
  await eventually('the other session ends', async () => (await bff(fresh, 'GET', '/control/v1/session')).status === 401)
  assert.equal((await bff(one, 'GET', '/control/v1/session')).status, 200)
  await close(one)
  await close(fresh)
})

test('a second factor is set up with its code, asked for, and replaced by a recovery code once', async (t) => {
  const person = spare[1]
  const page = await signedIn(person, '/account/security')
  let secret, recovery

  await t.test('the secret is shown as a picture and as text, and takes effect with a code', async () => {
    await confirmIdentity(page, person, () => page.getByRole('button', { name: 'Set up an authenticator' }).click())
    const dialog = page.getByRole('dialog', { name: 'Set up an authenticator' })
    await dialog.getByRole('img', { name: 'QR code of the secret' }).waitFor()
    secret = (await dialog.getByTestId('totp-secret').innerText()).replace(/\s/g, '')
    await dialog.getByLabel('Code').fill('000000')
    await dialog.getByRole('button', { name: 'Confirm' }).click()
    await dialog.locator('[aria-invalid="true"]').waitFor()
    await dialog.getByLabel('Code').fill(totp(secret))
    await dialog.getByRole('button', { name: 'Confirm' }).click()
  })
  await t.test('ten recovery codes are shown once', async () => {
    const codes = page.getByRole('dialog', { name: 'Recovery codes' })
    await codes.waitFor()
    recovery = (await codes.getByRole('list').innerText()).split(/\s+/).filter(Boolean)
    assert.equal(recovery.length, 10)
    await codes.getByRole('button', { name: 'Copy', exact: true }).click()
    await codes.getByRole('button', { name: 'OK' }).click()
    await codes.waitFor({ state: 'hidden' })
    for (const code of recovery) assert.equal((await page.content()).includes(code), false)
  })
  await t.test('a recovery code signs in once', async () => {
    for (const isFirst of [true, false]) {
      const fresh = await openPage()
      await fresh.goto('/login')
      await typeCredentials(fresh, person)
      await fresh.waitForURL(/\/login\/2fa/)
      await fresh.getByRole('link', { name: /recovery code/i }).click()
      await fresh.getByLabel(/Recovery code/).fill(recovery[0])
      await fresh.getByRole('button', { name: 'Continue' }).click()
      if (isFirst) await fresh.waitForURL((url) => !isAtLogin(url))
      else await fresh.getByRole('alert').waitFor()
      await close(fresh)
    }
  })
  await close(page)
})

test('the admin ends every session of a user by disabling it', async () => {
  const person = spare[0]
  const theirs = await signedIn(person)
  const page = await signedIn(admin)
  const { body } = await bff(page, 'GET', `/control/v1/admin/users?q=${encodeURIComponent(person.email)}`)
  const disabled = await bffConfirmed(page, admin, 'POST', `/control/v1/admin/users/${body.items[0].id}/disable`)
  assert.ok(disabled.status < 300)
  await eventually('it holds within a second', async () => (await bff(theirs, 'GET', '/control/v1/session')).status === 401, 2000)
  await close(theirs)
  await close(page)
})

test('another site changes nothing, though its browser is signed in', async () => {
  const page = await signedIn(member, home)
  const before = (await bff(page, 'GET', `/production/v1/organizations/${org}/keys?limit=1`)).body
  const foreign = await page.context().newPage()
  // The same machine under another name: another origin, and another site.
  await foreign.route('http://elsewhere.example/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><form method="post" enctype="text/plain"><input name="{&quot;name&quot;:&quot;x" value="&quot;}"></form>' }),
  )
  await foreign.goto('http://elsewhere.example/')
  const target = new URL(`/bff/production/v1/organizations/${org}/keys`, page.url()).href
  const sent = await foreign.evaluate(async (target) => {
    const send = (init) => fetch(target, { method: 'POST', credentials: 'include', body: '{"name":"forged"}', ...init }).then(
      (response) => response.status,
      () => 'refused',
    )
    return [await send({ mode: 'no-cors' }), await send({ headers: { 'X-Claviger-Request': '1', 'Content-Type': 'application/json' } })]
  }, target)
  // What is sent without asking is answered to nobody, and what asks first is refused.
  assert.ok([0, 'refused'].includes(sent[0]), String(sent[0]))
  assert.equal(sent[1], 'refused')
  await foreign.evaluate((target) => {
    document.forms[0].action = target
    document.forms[0].submit()
  }, target)
  await foreign.waitForLoadState()
  const after = (await bff(page, 'GET', `/production/v1/organizations/${org}/keys?text=forged`)).body
  assert.deepEqual(after.items, [])
  assert.deepEqual((await bff(page, 'GET', `/production/v1/organizations/${org}/keys?limit=1`)).body.items.map(({ id }) => id), before.items.map(({ id }) => id))
  await close(page)
})
