// The stories "Integration API": two kinds of keys, permissions, documentation, and how the API is exposed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet } from './support/browser.mjs'
import { secretDialog, takeSecret } from './support/keys.mjs'
import { admin, bff, bffConfirmed, confirmIdentity, member, signedIn } from './support/people.mjs'
import { api, unique, world } from './support/world.mjs'

test('a root key is made by the server admin, in Server Admin, after a confirmation', async (t) => {
  const page = await signedIn(admin, '/admin/root-api-keys?env=staging')
  const name = unique('Provisioning service')
  let secret

  await t.test('the page says what such a key reaches', () => page.getByText('Server-wide').waitFor())
  await t.test('it is created with its permissions', async () => {
    await page.getByRole('button', { name: 'Create Root API Key' }).click()
    const dialog = page.getByRole('dialog', { name: 'Create API Key' })
    await dialog.getByLabel('Name', { exact: true }).fill(name)
    await dialog.getByLabel('Start from').click()
    await page.getByRole('option', { name: 'Full access' }).click()
    await confirmIdentity(page, admin, () => dialog.getByRole('button', { name: 'Create API Key' }).click())
    await secretDialog(page).waitFor()
    secret = await takeSecret(page)
  })
  await t.test('it creates and deletes an organization, in its environment alone', async () => {
    const slug = unique('made-by-root').replaceAll(' ', '-').toLowerCase()
    const made = await api('staging', '/v1/organizations', { key: secret, method: 'POST', body: { name: 'Made by a root key', slug } })
    assert.equal(made.status, 201)
    assert.equal((await api('production', '/v1/organizations', { key: secret })).status, 401)
    assert.ok((await api('staging', `/v1/organizations/${slug}`, { key: secret, method: 'DELETE' })).status < 300)
  })
  expectQuiet(page)
  await close(page)
})

test('a member without the server admin’s rights makes no root key', async () => {
  const page = await signedIn(member)
  const body = { name: 'Not allowed', permissions: ['organizations.list'] }
  for (const environment of ['production', 'staging', 'development']) {
    const answer = await bffConfirmed(page, member, 'POST', `/${environment}/v1/root-keys`, body)
    assert.ok([403, 404].includes(answer.status), `${environment}: ${answer.status}`)
    assert.ok([403, 404].includes((await bff(page, 'GET', `/${environment}/v1/root-keys`)).status))
  }
  await page.goto('/admin/root-api-keys')
  await page.getByText('There is no such page here').waitFor()
  await close(page)
})

test('an organization’s key does only what belongs to its organization', async () => {
  const { organization_key: key } = world.environments.production
  assert.equal((await api('production', '/v1/organizations', { key })).status, 403)
  assert.equal((await api('production', '/v1/organizations', { key, method: 'POST', body: { name: 'No', slug: 'no' } })).status, 403)
  assert.equal((await api('production', '/v1/organizations/globex/keys', { key })).status, 404)
})

test('the documentation is served by every environment, and linked', async () => {
  for (const environment of ['production', 'staging', 'development']) {
    const response = await fetch(`${world.environments[environment].api_url}/v1/docs`)
    assert.equal(response.status, 200)
    assert.match(await response.text(), /swagger/i)
  }
  const page = await signedIn(admin, '/admin/integration-api')
  assert.ok((await page.locator('a[href$="/v1/docs"]').count()) >= 1)
  await close(page)
})

test('Server Admin shows how to expose the API, from the real settings', async () => {
  const page = await signedIn(admin, '/admin/integration-api?env=production')
  for (const proxy of ['Traefik', 'Caddy', 'nginx', 'Envoy']) {
    await page.getByRole('tab', { name: proxy }).first().click()
    const code = await page.getByRole('tabpanel').first().innerText()
    const { port } = new URL(world.environments.production.api_url)
    assert.ok(code.includes(port), `${proxy} names port ${port}: ${code}`)
  }
  expectQuiet(page)
  await close(page)
})
