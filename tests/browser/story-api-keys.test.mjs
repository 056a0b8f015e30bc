// The story "API Keys": environments, permissions and limits, status and last use, rotation, revocation, troubleshooting.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet } from './support/browser.mjs'
import { act, openCreate, openEdit, openKeys, row, setGroup, takeSecret } from './support/keys.mjs'
import { member, signedIn } from './support/people.mjs'
import { api, environments, eventually, home, keysPage, makeKey, org, organizationApi, unique } from './support/world.mjs'

const who = (environment, key) => api(environment, '/v1/whoami', { key })

test('generating a new key', async (t) => {
  const page = await signedIn(member, home)
  await openKeys(page, 'env=all')
  const name = unique('Main Website Integration')
  const dialog = await openCreate(page)

  await t.test('a descriptive name', () => dialog.getByLabel('Name', { exact: true }).fill(name))
  await t.test('the environment, with Development chosen while all are shown', async () => {
    const group = dialog.getByRole('radiogroup', { name: 'Environment' })
    assert.ok(await group.getByRole('radio', { name: /Development/ }).isChecked())
    await group.getByRole('radio', { name: /Staging/ }).click()
  })
  await t.test('permissions by group', () => setGroup(dialog, 'Customers', 'Read'))
  await t.test('rate limits', async () => {
    await dialog.getByRole('group', { name: 'Rate Limits' }).getByRole('button', { name: 'Own limits' }).click()
    await dialog.getByLabel('Requests', { exact: true }).first().fill('250')
  })
  await t.test('copied when it is shown, this once', async () => {
    await dialog.getByRole('button', { name: 'Create API Key' }).click()
    const secret = await takeSecret(page)
    assert.match(secret, /_stag_/)
    assert.equal((await who('staging', secret)).status, 200)
  })
  await t.test('the list sums it up: environment, permissions, limits', async () => {
    const text = await (await row(page, name)).innerText()
    assert.match(text, /Staging/)
    assert.match(text, /Customer Read/)
    assert.match(text, /250/)
  })
  expectQuiet(page)
  await close(page)
})

test('a key of one environment is refused by the others', async () => {
  const { secret } = await makeKey('staging', { name: unique('Staging only') })
  for (const environment of environments)
    assert.equal((await who(environment, secret)).status, environment === 'staging' ? 200 : 401, environment)
})

test('permissions are chosen when a key is made and when it is edited', async () => {
  const page = await signedIn(member, home)
  const name = unique('Permissions')
  const made = await makeKey('development', { name, permissions: ['customers.read'] })
  await openKeys(page)
  const dialog = await openEdit(page, name)
  await setGroup(dialog, 'Customers', 'Write')
  await dialog.getByRole('button', { name: 'Update API Key' }).click()
  await dialog.waitFor({ state: 'hidden' })
  const key = await organizationApi('development', `/keys/${made.id}`)
  assert.ok(key.permissions.includes('customers.create'), key.permissions.join())
  await close(page)
})

test('the list says when and from where a key was last used', async () => {
  const page = await signedIn(member, home)
  const name = unique('Last used')
  const { secret } = await makeKey('development', { name })
  await openKeys(page)
  assert.match(await (await row(page, name)).innerText(), /Never/)
  assert.equal((await who('development', secret)).status, 200)
  await eventually('the use is shown', async () => {
    await page.reload()
    return /127\.0\.0\.1/.test(await (await row(page, name)).innerText())
  }, 90_000)
  await close(page)
})

test('revoking holds at once, keeps the key, and can be taken back', async () => {
  const page = await signedIn(member, home)
  const name = unique('Revoked')
  const { secret } = await makeKey('development', { name })
  await openKeys(page)
  const dialog = page.getByRole('alertdialog')

  await act(page, name, 'Revoke')
  await dialog.getByText(/refused at once/).waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  assert.equal((await who('development', secret)).status, 200)

  await act(page, name, 'Revoke')
  await dialog.getByRole('button', { name: 'Revoke key' }).click()
  await dialog.waitFor({ state: 'hidden' })
  assert.equal((await who('development', secret)).status, 401)
  await eventually('Inactive is shown', async () => /Inactive/.test(await (await row(page, name)).innerText()))

  await act(page, name, 'Reactivate')
  await dialog.getByRole('button', { name: /Reactivate/ }).click()
  await dialog.waitFor({ state: 'hidden' })
  await eventually('it works again', async () => (await who('development', secret)).status === 200)
  await close(page)
})

test('regenerating keeps everything but the secret, and the old one stops', async () => {
  const page = await signedIn(member, home)
  const name = unique('Regenerated')
  const made = await makeKey('development', { name, permissions: ['customers.read'], tags: ['kept'] })
  await openKeys(page)
  const dialog = page.getByRole('alertdialog').or(page.getByRole('dialog'))

  await act(page, name, 'Regenerate')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  assert.equal((await who('development', made.secret)).status, 200)

  await act(page, name, 'Regenerate')
  await dialog.getByRole('button', { name: /^Regenerate/ }).click()
  const secret = await takeSecret(page)
  assert.notEqual(secret, made.secret)
  assert.equal((await who('development', secret)).status, 200)
  assert.equal((await who('development', made.secret)).status, 401)
  const key = await organizationApi('development', `/keys/${made.id}`)
  assert.deepEqual([key.name, key.permissions, key.tags], [name, ['customers.read'], ['kept']])
  await close(page)
})

test('troubleshooting: what 401, 403 and 429 mean can be found on the page', async () => {
  const { secret, id } = await makeKey('development', {
    name: unique('Refused'),
    permissions: ['customers.read'],
    limits: [{ name: 'requests', limit: 2, window_ms: 60_000 }],
  })
  const ask = (path, method = 'GET', body) => api('development', `/v1/organizations/${org}${path}`, { key: secret, method, body })
  assert.equal((await ask('/domains')).status, 403)
  await ask('/customers')
  assert.equal((await eventually('the limit holds', async () => {
    const answer = await ask('/customers')
    return answer.status === 429 && answer
  })).status, 429)
  await organizationApi('development', `/keys/${id}/revoke`, { method: 'POST', body: {} })
  assert.equal((await ask('/customers')).status, 401)

  const page = await signedIn(member, `${keysPage}/${id}?env=development&tab=access`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  const check = page.getByRole('region', { name: 'Check access' }).or(page.locator('section').filter({ hasText: 'Check access' })).last()
  await check.getByLabel('The key').fill(secret)
  await check.getByRole('button', { name: 'Check access' }).click()
  await check.getByText(/Denied at check/).waitFor()
  await check.getByLabel('Permission').fill('domains.read')
  await page.getByRole('option', { name: /domains\.read/ }).first().click()
  await check.getByRole('button', { name: 'Check access' }).click()
  await check.getByText(/Denied at check/).waitFor()
  await close(page)
})

test('keys and customers lead to one another', async () => {
  const page = await signedIn(member, home)
  const { items } = await organizationApi('production', '/keys?limit=50')
  const key = items.find(({ customers }) => customers !== 'all')
  await page.goto(`${keysPage}/${key.id}?env=production`)
  const customer = await organizationApi('production', `/customers/${key.customers[0]}`)
  await page.getByRole('link', { name: customer.name }).click()
  await page.getByRole('heading', { name: customer.name, level: 1 }).waitFor()
  await page.getByRole('link', { name: key.name }).first().click()
  await page.getByRole('heading', { name: key.name, level: 1 }).waitFor()
  await close(page)
})
