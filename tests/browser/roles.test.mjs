// What each role sees and may do: every page and every kind of call, with what the table of roles says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet } from './support/browser.mjs'
import { admin, bff, newMember, signedIn } from './support/people.mjs'
import { memberPages, visit } from './support/pages.mjs'
import { home, keysPage, makeKey, org, organizationApi, unique } from './support/world.mjs'

const roles = ['owner', 'admin', 'developer', 'viewer', 'auditor']
const inside = `/development/v1/organizations/${org}`
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
  ['invite', 'POST', `${control}/invites`, () => ({ emails: ['x@example.com'], roles: { development: 'viewer' } }), 'yynnn'],
  ['change the policy', 'PATCH', `${control}/security`, () => ({}), 'yynnn'],
  ['change the login page', 'PATCH', `${control}/login-page`, () => ({}), 'yynnn'],
  ['list all organizations', 'GET', '/control/v1/organizations?all=true', undefined, 'nnnnn'],
  ['list users', 'GET', '/control/v1/admin/users', undefined, 'nnnnn'],
  ['read the integration settings', 'GET', '/control/v1/admin/integration', undefined, 'nnnnn'],
  ['list root keys', 'GET', '/development/v1/root-keys', undefined, 'nnnnn'],
]

for (const [index, role] of roles.entries()) {
  test(`the role ${role}: calls`, async () => {
    const person = await newMember(role)
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
    const page = await signedIn(await newMember(role), home)
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
  const page = await signedIn(await newMember('viewer'), `${keysPage}?env=development`)
  const create = page.getByRole('button', { name: 'Create API Key' }).first()
  assert.equal(await create.getAttribute('aria-disabled'), 'true')
  await create.focus()
  await page.getByText(/keys\.create/).first().waitFor()
  await create.click({ force: true })
  assert.equal(await page.getByRole('dialog', { name: 'Create API Key' }).count(), 0)
  await close(page)
})

test('a member of one environment sees nothing of the others', async () => {
  const inviter = await signedIn(admin)
  await close(inviter)
  const person = await newMember('viewer')
  const owner = await signedIn(admin)
  const members = await bff(owner, 'GET', `${control}/members`)
  const { id } = members.body.items.find(({ user }) => user.email === person.email)
  await bff(owner, 'POST', '/control/v1/session/step-up', { password: admin.password })
  const changed = await bff(owner, 'PATCH', `${control}/members/${id}`, { roles: { production: null, staging: null, development: 'viewer' } })
  assert.ok(changed.status < 300, JSON.stringify(changed.body))

  const page = await signedIn(person, `${keysPage}?env=all`)
  for (const environment of ['production', 'staging'])
    assert.ok([403, 404].includes((await bff(page, 'GET', `/${environment}/v1/organizations/${org}/keys`)).status), environment)
  assert.equal((await bff(page, 'GET', `${inside}/keys`)).status, 200)
  const control_ = page.getByRole('group', { name: 'Environment' })
  assert.equal(await control_.getByRole('button', { name: 'Production' }).count(), 0)
  await close(page)
  await close(owner)
})

test('another organization’s things cannot be reached through the console', async () => {
  const page = await signedIn(await newMember('owner'), home)
  for (const path of ['', '/keys', '/customers', '/domains', '/permissions'])
    assert.ok([403, 404].includes((await bff(page, 'GET', `/production/v1/organizations/globex${path}`)).status), path)
  for (const path of ['', '/members', '/invites', '/security', '/login-page'])
    assert.ok([403, 404].includes((await bff(page, 'GET', `/control/v1/organizations/globex${path}`)).status), path)
  const made = await makeKey('development', { name: unique('Ours') })
  assert.ok([403, 404].includes((await bff(page, 'GET', `/development/v1/organizations/globex/keys/${made.id}`)).status))
  assert.ok(await organizationApi('development', `/keys/${made.id}`))
  await close(page)
})
