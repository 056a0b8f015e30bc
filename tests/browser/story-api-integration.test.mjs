// The story "API Integration": making, editing and deleting a key, step by step in the guide's own words. What the guide
// tells about the playground and the documentation on this page comes with Manual Integration.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet } from './support/browser.mjs'
import { act, goToKeys, openCreate, openEdit, row, secretDialog, takeSecret } from './support/keys.mjs'
import { member, signedIn } from './support/people.mjs'
import { api, eventually, home, makeKey, organizationApi, unique, world } from './support/world.mjs'

const who = (environment, key) => api(environment, '/v1/whoami', { key })
const found = async (environment, name) =>
  (await organizationApi(environment, `/keys?text=${encodeURIComponent(name)}`)).items.find((key) => key.name === name)

test('creating an API key', async (t) => {
  const page = await signedIn(member, `${home}?env=production`)
  const name = unique('Production API Key')
  let dialog

  await t.test('Navigate to API Keys: Integrations, API Keys, a table of existing keys', async () => {
    await goToKeys(page)
    await page.getByRole('table').getByRole('row').nth(1).waitFor()
  })
  await t.test('Open Create Modal', async () => {
    dialog = await openCreate(page)
  })
  await t.test('Enter Key Name', () => dialog.getByLabel('Name', { exact: true }).fill(name))
  await t.test('Configure Domain Scope: empty means all; several can be chosen and taken back', async () => {
    await dialog.getByText('Leave empty to allow all domains').waitFor()
    await dialog.getByLabel('Domain Scope').click()
    await page.getByRole('option', { name: 'shop.example.com' }).click()
    await page.getByRole('option', { name: 'www.example.com' }).click()
    await page.keyboard.press('Escape')
    await dialog.getByRole('button', { name: 'Remove www.example.com' }).click()
  })
  await t.test('Configure IP Whitelist: all by default; one address per line once unchecked', async () => {
    const all = dialog.getByRole('checkbox', { name: 'Allow All IP Addresses' })
    assert.ok(await all.isChecked())
    await all.click()
    await dialog.getByLabel('IP Allowlist').fill('192.168.1.1\nnot an address')
    await dialog.getByLabel('Name', { exact: true }).focus()
    await dialog.getByText(/Line 2/).first().waitFor()
    await dialog.getByLabel('IP Allowlist').fill('192.168.1.1\n127.0.0.1')
  })
  await t.test('Set Expiration: never by default; a date and a time once unchecked', async () => {
    const never = dialog.getByRole('checkbox', { name: 'Never Expire' })
    assert.ok(await never.isChecked())
    await never.click()
    const field = dialog.locator('input[type="datetime-local"]')
    await field.fill('2020-01-01T09:00')
    await dialog.getByLabel('Name', { exact: true }).focus()
    await dialog.getByText(/past/).first().waitFor()
    await field.fill('2030-01-01T09:00')
  })
  await t.test('Create the Key', async () => {
    await dialog.getByRole('button', { name: 'Create API Key' }).click()
    await secretDialog(page).waitFor()
  })
  await t.test('Save the API Key: a highlighted box, Copy, OK; and it works as configured', async () => {
    const secret = await takeSecret(page)
    assert.match(secret, /^[a-z]+_prod_/)
    const answer = await who('production', secret)
    assert.equal(answer.status, 200)
    const key = await found('production', name)
    assert.equal(key.ips.toSorted().join(), '127.0.0.1,192.168.1.1')
    assert.equal(key.expires_at.slice(0, 16), '2030-01-01T08:00')
    assert.equal(key.domains.length, 1)
  })
  await t.test('the key stands in the table', async () => assert.match(await (await row(page, name)).innerText(), /Active/))
  expectQuiet(page)
  await close(page)
})

test('cancelling the form makes no key, and asks when something was typed', async () => {
  const page = await signedIn(member, `${home}/integrations/api-keys?env=development`)
  const name = unique('Never made')
  for (const leave of [(dialog) => dialog.getByRole('button', { name: 'Cancel' }).click(), (dialog) => dialog.getByRole('button', { name: 'Close' }).click()]) {
    const dialog = await openCreate(page)
    await dialog.getByLabel('Name', { exact: true }).fill(name)
    await page.keyboard.press('Escape')
    assert.ok(await dialog.isVisible(), 'Esc keeps what was typed')
    await leave(dialog)
    const question = page.getByRole('alertdialog')
    await question.getByRole('button', { name: 'Cancel' }).click()
    assert.equal(await dialog.getByLabel('Name', { exact: true }).inputValue(), name)
    await leave(dialog)
    await question.getByRole('button', { name: 'Discard' }).click()
    await dialog.waitFor({ state: 'hidden' })
  }
  assert.equal(await found('development', name), undefined)
  await close(page)
})

test('closing the secret without saving asks first, and Esc or a press beside it do nothing', async () => {
  const page = await signedIn(member, `${home}/integrations/api-keys?env=development`)
  const dialog = await openCreate(page)
  await dialog.getByLabel('Name', { exact: true }).fill(unique('Unsaved'))
  await dialog.getByRole('button', { name: 'Create API Key' }).click()
  const secret = secretDialog(page)
  await secret.waitFor()
  await page.keyboard.press('Escape')
  await page.mouse.click(5, 450)
  assert.ok(await secret.isVisible())
  await secret.getByRole('button', { name: 'Close', exact: true }).click()
  await page.getByText('Close without saving?').waitFor()
  await page.getByRole('button', { name: 'Go back' }).click()
  assert.ok(await secret.isVisible())
  await secret.getByRole('button', { name: 'Close', exact: true }).click()
  await page.getByRole('button', { name: 'Close anyway' }).click()
  await secret.waitFor({ state: 'hidden' })
  await close(page)
})

test('editing an API key', async (t) => {
  const page = await signedIn(member, `${home}/integrations/api-keys?env=development`)
  const name = unique('To be edited')
  const made = await makeKey('development', { name })
  const renamed = `${name}, renamed`
  let dialog

  await t.test('Open Edit Modal: the same form, filled; the key itself cannot be changed', async () => {
    dialog = await openEdit(page, name)
    assert.equal(await dialog.getByLabel('Name', { exact: true }).inputValue(), name)
    assert.equal(await dialog.getByText(made.secret).count(), 0)
  })
  await t.test('Cancel changes nothing', async () => {
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'hidden' })
    dialog = await openEdit(page, name)
  })
  await t.test('Modify Settings: name, domains, addresses, expiry', async () => {
    await dialog.getByLabel('Name', { exact: true }).fill(renamed)
    await dialog.getByLabel('Domain Scope').click()
    await page.getByRole('option', { name: 'api.example.com' }).click()
    await page.keyboard.press('Escape')
    await dialog.getByRole('checkbox', { name: 'Allow All IP Addresses' }).click()
    await dialog.getByLabel('IP Allowlist').fill('127.0.0.1')
    await dialog.getByRole('checkbox', { name: 'Never Expire' }).click()
    await dialog.locator('input[type="datetime-local"]').fill('2031-06-01T12:30')
  })
  await t.test('Save Changes: Update API Key, at once, with the same secret', async () => {
    await dialog.getByRole('button', { name: 'Update API Key' }).click()
    await dialog.waitFor({ state: 'hidden' })
    const key = await found('development', renamed)
    assert.equal(key.id, made.id)
    assert.deepEqual(key.ips, ['127.0.0.1'])
    assert.equal(key.domains.length, 1)
    assert.equal(key.expires_at.slice(0, 16), '2031-06-01T10:30')
    assert.equal((await who('development', made.secret)).status, 200)
  })
  await close(page)
})

test('deleting an API key', async (t) => {
  const page = await signedIn(member, `${home}/integrations/api-keys?env=development`)
  const name = unique('To be deleted')
  const made = await makeKey('development', { name })
  const dialog = page.getByRole('alertdialog')

  await t.test('a confirmation appears that says what follows; Cancel aborts', async () => {
    await act(page, name, 'Delete')
    await dialog.getByText(/cannot be undone/).waitFor()
    await dialog.getByText(/stop working/).waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'hidden' })
    assert.equal((await who('development', made.secret)).status, 200)
  })
  await t.test('confirmed, the key is invalid at once and gone from the table', async () => {
    await act(page, name, 'Delete')
    const typed = dialog.getByLabel('Type the name to confirm')
    if (await typed.isVisible()) await typed.fill(name)
    await dialog.getByRole('button', { name: /Delete key|OK/ }).click()
    await dialog.waitFor({ state: 'hidden' })
    assert.equal((await who('development', made.secret)).status, 401)
    await eventually('the row goes', async () => (await page.getByRole('row').filter({ hasText: name }).count()) === 0)
  })
  await close(page)
})

test('a key is made and saved by the keyboard alone', async () => {
  const page = await signedIn(member, `${home}/integrations/api-keys?env=development`)
  await page.getByRole('table').getByRole('row').nth(1).waitFor()
  await page.keyboard.press('c')
  const dialog = page.getByRole('dialog', { name: 'Create API Key' })
  await dialog.waitFor()
  const name = unique('By keyboard')
  await page.keyboard.type(name)
  await page.keyboard.press('Enter')
  const secret = secretDialog(page)
  await secret.waitFor()
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim())
  await eventually('the focus comes to Copy', async () => {
    if ((await focused()) === 'Copy') return true
    await page.keyboard.press('Tab')
    return false
  })
  await page.keyboard.press('Enter')
  await eventually('the focus comes to OK', async () => {
    if ((await focused()) === 'OK') return true
    await page.keyboard.press('Tab')
    return false
  })
  await page.keyboard.press('Enter')
  await secret.waitFor({ state: 'hidden' })
  assert.ok(await found('development', name))
  await close(page)
})

test('the demo data has a key in each state that the table knows', async () => {
  const page = await signedIn(member, `${home}/integrations/api-keys?env=all`)
  const table = page.getByRole('table')
  await table.getByRole('row').nth(1).waitFor()
  for (const state of ['Active', 'Inactive', 'Expired']) {
    await page.goto(`${home}/integrations/api-keys?env=all&status=${state.toLowerCase()}`)
    await table.getByText(state, { exact: true }).first().waitFor()
  }
  assert.ok(world.console.url)
  await close(page)
})
