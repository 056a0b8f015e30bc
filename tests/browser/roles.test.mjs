// What each role sees and may do: every page and every kind of call, with what the table of roles says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet } from './support/browser.mjs'
import { bff, inStaging, signedIn, spare } from './support/people.mjs'
import { memberPages, visit } from './support/pages.mjs'
import { home, keysPage, makeKey, org, organizationApi, unique } from './support/world.mjs'

const roles = Object.keys(inStaging)
const inside = `/staging/v1/organizations/${org}`
const control = `/control/v1/organizations/${org}`
// What each call answers to each role, in their order: y is done, n is refused.
const calls = [
  ['list keys', 'GET', `${inside}/keys?limit=1`, undefined, 'yyyyy'],
  ['create a key', 'POST', `${inside}/keys`, () => ({ name: unique('By role'), permissions: [] }), 'yyynn'],
  ['list customers', 'GET', `${inside}/customers`, undefined, 'yyyyy'],
  ['create a customer', 'POST', `${inside}/customers`, () => ({ name: unique('By role') }), 'yynnn'],
  ['list domains', 'GET', `${inside}/domains`, undefined, 'yyyyy'],
  ['create a domain', 'POST', `${inside}/domains`, () => ({ name: `${unique('role').replaceAll(' ', '-')}.example.com` }), 'yynnn'],
  ['read the organization', 'GET', inside, undefined, 'yynny'],
  ['delete the organization', 'DELETE', inside, undefined, 'nnnnn'],
  ['list members', 'GET', `${control}/members`, undefined, 'yyyyy'],
  ['invite', 'POST', `${control}/invites`, () => ({ emails: ['x@example.com'], roles: { staging: 'viewer' } }), 'yynnn'],
  ['change the policy', 'PATCH', `${control}/security`, () => ({}), 'yynnn'],
  ['change the login page', 'PATCH', `${control}/login-page`, () => ({}), 'yynnn'],
  ['list all organizations', 'GET', '/control/v1/organizations?all=true', undefined, 'nnnnn'],
  ['list users', 'GET', '/control/v1/admin/users', undefined, 'nnnnn'],
  ['read the integration settings', 'GET', '/control/v1/admin/integration', undefined, 'nnnnn'],
  ['list root keys', 'GET', '/staging/v1/root-keys', undefined, 'nnnnn'],
]

for (const [index, role] of roles.entries()) {
  test(`the role ${role}: calls`, async () => {
    const person = inStaging[role]
    const page = await signedIn(person, home)
    const stepUp = await bff(page, 'POST', '/control/v1/session/step-up', { password: person.password })
    assert.equal(stepUp.status, 200)
    for (const [what, method, path, body, expected] of calls) {
      const { status, body: answer } = await bff(page, method, path, body?.())
      if (expected[index] === 'y') assert.ok(status < 300, `${role} may ${what}: ${status} ${JSON.stringify(answer)}`)
      else assert.ok([403, 404].includes(status), `${role} may not ${what}: ${status}`)
    }
    await close(page)
  })

  test(`the role ${role}: pages`, async () => {
    const page = await signedIn(inStaging[role], home)
    for (const { name, path } of await memberPages()) {
      await visit(page, path)
      const text = await page.locator('main').innerText()
      assert.doesNotMatch(text, /This page failed|undefined|\[object/, `${role} on ${name}: ${text.slice(0, 200)}`)
      expectQuiet(page)
    }
    for (const path of ['/admin', '/admin/organizations', '/admin/users', '/admin/root-api-keys', '/admin/integration-api', '/admin/system']) {
      await visit(page, path)
      await page.getByText('There is no such page here').waitFor()
    }
    await close(page)
  })
}

test('an action that a role lacks is shown, held back, with its reason', async () => {
  const page = await signedIn(inStaging.viewer, `${keysPage}?env=staging`)
  const create = page.getByRole('button', { name: 'Create API Key' }).first()
  assert.equal(await create.getAttribute('aria-disabled'), 'true')
  await create.focus()
  await page.getByText(/keys\.create/).first().waitFor()
  await create.click({ force: true })
  assert.equal(await page.getByRole('dialog', { name: 'Create API Key' }).count(), 0)
  await close(page)
})

test('a member sees nothing of an environment in which it has no role', async () => {
  // A developer in Staging and an admin in Development, who has no role in Production.
  const page = await signedIn(spare[0], `${keysPage}?env=all`)
  assert.ok([403, 404].includes((await bff(page, 'GET', `/production/v1/organizations/${org}/keys`)).status))
  assert.equal((await bff(page, 'GET', `${inside}/keys`)).status, 200)
  const switcher = page.getByRole('group', { name: 'Environment' })
  await switcher.getByRole('button', { name: 'Staging' }).waitFor()
  assert.equal(await switcher.getByRole('button', { name: 'Production' }).count(), 0)
  await close(page)
})

test('another organization’s things cannot be reached through the console', async () => {
  const page = await signedIn(inStaging.admin, home)
  for (const path of ['', '/keys', '/customers', '/domains', '/permissions'])
    assert.ok([403, 404].includes((await bff(page, 'GET', `/production/v1/organizations/globex${path}`)).status), path)
  for (const path of ['', '/members', '/invites', '/security', '/login-page'])
    assert.ok([403, 404].includes((await bff(page, 'GET', `/control/v1/organizations/globex${path}`)).status), path)
  const made = await makeKey('development', { name: unique('Ours') })
  assert.ok([403, 404].includes((await bff(page, 'GET', `/development/v1/organizations/globex/keys/${made.id}`)).status))
  assert.ok(await organizationApi('development', `/keys/${made.id}`))
  await close(page)
})
