// Customers, domains, members, roles and the rules of an organization, as an admin works with them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet, openPage } from './support/browser.mjs'
import { acceptInvite, admin, bff, bffConfirmed, confirmIdentity, inStaging, member, signedIn } from './support/people.mjs'
import { api, eventually, home, makeKey, org, organizationApi, unique, world } from './support/world.mjs'

const row = (page, name) => page.getByRole('row').filter({ hasText: name })
const menu = async (page, name, action) => {
  await row(page, name).getByRole('button', { name: `Actions: ${name}` }).click()
  await page.getByRole('menuitem', { name: action, exact: true }).click()
}

test('a customer is made, edited, suspended, resumed and deleted', async (t) => {
  const page = await signedIn(member, `${home}/customers?env=development`)
  const name = unique('Vela Retail')
  const external = name.toLowerCase().replaceAll(' ', '-')
  const dialog = page.getByRole('dialog')
  const question = page.getByRole('alertdialog')
  let key

  await t.test('mistakes are told at their fields, and nothing typed is lost', async () => {
    await page.getByRole('button', { name: 'Create customer' }).click()
    await dialog.getByLabel(/^Metadata/).fill('{not json')
    await dialog.getByRole('button', { name: 'Create customer' }).click()
    await dialog.getByText('Give the customer a name.').waitFor()
    await dialog.getByText('This is not a JSON object.').waitFor()
    assert.equal(await dialog.getByLabel(/^Metadata/).inputValue(), '{not json')
  })
  await t.test('created', async () => {
    await dialog.getByLabel('Name', { exact: true }).fill(name)
    await dialog.getByLabel(/^External id/).fill(external)
    await dialog.getByLabel(/^Metadata/).fill('{"tier": "gold"}')
    await dialog.getByRole('button', { name: 'Create customer' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await row(page, name).waitFor()
    key = await makeKey('development', { name: unique('For Vela'), customers: [external] })
  })
  await t.test('a second one with the same external id is refused, at its field', async () => {
    await page.getByRole('button', { name: 'Create customer' }).click()
    await dialog.getByLabel('Name', { exact: true }).fill(`${name} again`)
    await dialog.getByLabel(/^External id/).fill(external)
    await dialog.getByRole('button', { name: 'Create customer' }).click()
    await dialog.getByRole('alert').filter({ hasText: /\S/ }).first().waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await question.getByRole('button', { name: 'Discard' }).click()
  })
  await t.test('edited', async () => {
    await menu(page, name, 'Edit')
    await dialog.getByLabel('Name', { exact: true }).fill(`${name} Group`)
    await dialog.getByRole('button', { name: 'Update customer' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await row(page, `${name} Group`).waitFor()
  })
  await t.test('suspended: its key is refused; resumed: it works again', async () => {
    await menu(page, `${name} Group`, 'Suspend')
    await question.getByRole('button', { name: 'Cancel' }).click()
    await menu(page, `${name} Group`, 'Suspend')
    await question.getByRole('button', { name: 'Suspend customer' }).click()
    await question.waitFor({ state: 'hidden' })
    await eventually('the status', async () => /Suspended/.test(await row(page, `${name} Group`).innerText()))
    await menu(page, `${name} Group`, 'Resume')
    await question.getByRole('button', { name: 'Resume customer' }).click()
    await eventually('the status', async () => /Active/.test(await row(page, `${name} Group`).innerText()))
  })
  await t.test('its page shows its keys', async () => {
    await row(page, `${name} Group`).getByRole('link', { name: `${name} Group` }).click()
    await page.getByRole('heading', { name: `${name} Group`, level: 1 }).waitFor()
    await page.getByRole('link', { name: key.name }).waitFor()
  })
  await t.test('deleting tells which keys lose it, and what becomes of them', async () => {
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await question.getByText(/1 key loses it/).waitFor()
    await question.getByText(/revoked: nothing else is left/).waitFor()
    await question.getByRole('button', { name: 'Delete customer' }).click()
    await page.getByRole('heading', { name: 'Customers', level: 1 }).waitFor()
    const { status } = await organizationApi('development', `/keys/${key.id}`)
    assert.equal(status, 'inactive')
  })
  expectQuiet(page)
  await close(page)
})

test('a domain is added, its record copied and checked, and it is deleted', async (t) => {
  const page = await signedIn(member, `${home}/domains?env=development`)
  const name = `${unique('d').replaceAll(' ', '-')}.example.com`
  const dialog = page.getByRole('dialog')
  const question = page.getByRole('alertdialog')

  await t.test('a name that is none is refused at its field', async () => {
    await page.getByRole('button', { name: 'Add domain' }).click()
    await dialog.getByLabel('Domain', { exact: true }).fill('not a host name')
    await dialog.getByRole('button', { name: 'Add domain' }).click()
    await eventually('a reason', async () => (await dialog.locator('[aria-invalid="true"]').count()) > 0)
  })
  await t.test('added, it shows its record', async () => {
    await dialog.getByLabel('Domain', { exact: true }).fill(name)
    await dialog.getByRole('button', { name: 'Add domain' }).click()
    await dialog.getByText('TXT').waitFor()
    const { items } = await organizationApi('development', `/domains?text=${name}`)
    await dialog.getByRole('button', { name: 'Copy the record’s value' }).click()
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), items[0].challenge_value)
  })
  await t.test('a check that finds nothing says so', async () => {
    await dialog.getByRole('button', { name: 'Check now' }).click()
    await dialog.getByText(/not found|could not/i).first().waitFor({ timeout: 30_000 })
    await dialog.getByRole('button', { name: 'Close' }).last().click()
    await row(page, name).getByText('Pending').waitFor()
  })
  await t.test('deleting tells which keys lose it', async () => {
    const made = await makeKey('development', { name: unique('Only here'), domains: [name] })
    await menu(page, name, 'Delete')
    await question.getByText(/1 key loses it/).waitFor()
    await question.getByRole('button', { name: 'Delete domain' }).click()
    await eventually('it is gone', async () => (await row(page, name).count()) === 0)
    assert.equal((await organizationApi('development', `/keys/${made.id}`)).status, 'inactive')
  })
  expectQuiet(page)
  await close(page)
})

test('members are invited, given a role and removed', async (t) => {
  const page = await signedIn(member, `${home}/settings/members?env=all`)
  const who = { email: `${unique('invited').replaceAll(' ', '-')}@example.com`, password: `A long enough ${unique('password')}` }
  const dialog = page.getByRole('dialog')
  const question = page.getByRole('alertdialog')
  let link

  await t.test('an address that is none is refused', async () => {
    await page.getByRole('button', { name: 'Invite members' }).click()
    await dialog.getByLabel('E-mail addresses').fill('nobody')
    await dialog.getByRole('button', { name: 'Invite', exact: true }).click()
    await dialog.getByText(/is not an e-mail address/).waitFor()
  })
  await t.test('the link is shown, once', async () => {
    await dialog.getByLabel('E-mail addresses').fill(who.email)
    await confirmIdentity(page, member, () => dialog.getByRole('button', { name: 'Invite', exact: true }).click())
    const links = page.getByRole('dialog', { name: 'Invitations made' })
    link = (await links.locator('code').innerText()).trim()
    await links.getByRole('button', { name: 'OK' }).click()
    await row(page, who.email).getByText('Invited', { exact: true }).waitFor()
  })
  await t.test('sent again, the old link is dead', async () => {
    const old = link
    await confirmIdentity(page, member, () => row(page, who.email).getByRole('button', { name: 'Resend' }).click())
    await row(page, who.email).getByRole('button', { name: 'Copy link' }).click()
    link = await page.evaluate(() => navigator.clipboard.readText())
    assert.notEqual(link, old)
    const stranger = await openPage()
    await stranger.goto(new URL(old).pathname)
    assert.equal(await stranger.getByLabel('Password', { exact: true }).count(), 0)
    await close(stranger)
  })
  await t.test('accepted, the member stands in the list', async () => {
    await acceptInvite(link, who)
    await page.reload()
    await row(page, who.email).getByText('None').first().waitFor()
  })
  await t.test('the role is changed in one environment', async () => {
    await page.goto(`${home}/settings/members?env=development`)
    await row(page, who.email).getByRole('combobox').click()
    await confirmIdentity(page, member, () => page.getByRole('option', { name: 'Auditor' }).click())
    await eventually('the role', async () => {
      const { body } = await bff(page, 'GET', `/control/v1/organizations/${org}/members`)
      const member = body.items.find(({ user }) => user.email === who.email)
      return member.roles.development === 'auditor' && member.roles.production !== 'auditor'
    })
  })
  await t.test('removed', async () => {
    await row(page, who.email).getByRole('button', { name: /^Actions/ }).click()
    await page.getByRole('menuitem', { name: 'Remove' }).click()
    await confirmIdentity(page, member, () => question.getByRole('button', { name: 'Remove member' }).click())
    await eventually('the row goes', async () => (await row(page, who.email).count()) === 0)
  })
  expectQuiet(page)
  await close(page)
})

test('a role of one’s own is made, shown in words, and given to a member', async () => {
  const person = inStaging.viewer
  const page = await signedIn(member, `${home}/settings/roles?env=development`)
  const name = unique('Support desk')
  await page.getByRole('button', { name: 'Create role' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill(name)
  await dialog.getByRole('group', { name: 'Customers', exact: true }).getByRole('button', { name: 'Read', exact: true }).click()
  await dialog.getByRole('button', { name: 'Create role' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('columnheader', { name: new RegExp(name) }).waitFor()
  const { items } = await organizationApi('development', '/roles')
  const role = items.find((each) => each.name === name)
  assert.ok(role.permissions.includes('customers.read'))

  const { body } = await bff(page, 'GET', `/control/v1/organizations/${org}/members`)
  const member = body.items.find(({ user }) => user.email === person.email)
  const changed = await bffConfirmed(page, member, 'PATCH', `/control/v1/organizations/${org}/members/${member.id}`, { roles: { development: role.id } })
  assert.ok(changed.status < 300, JSON.stringify(changed.body))
  const theirs = await signedIn(person, home)
  const inside = `/development/v1/organizations/${org}`
  await eventually('the role holds', async () => (await bff(theirs, 'GET', `${inside}/keys`)).status === 403)
  assert.equal((await bff(theirs, 'GET', `${inside}/customers`)).status, 200)
  expectQuiet(page)
  await close(theirs)
  await close(page)
})

test('the rules of an environment hold for keys that are made afterwards', async () => {
  const page = await signedIn(member, `${home}/settings/environments?env=staging`)
  const form = page.locator('form').filter({ hasText: 'Every key has to have an end' })
  const { etag: _, ...before } = await organizationApi('staging', '/policy')
  await form.getByRole('checkbox', { name: 'Every key has to have an end' }).click()
  await form.getByRole('button', { name: 'Save' }).click()
  await eventually('it is saved', async () => (await organizationApi('staging', '/policy')).must_expire === !before.must_expire)
  const made = await api('staging', `/v1/organizations/${org}/keys`, { method: 'POST', body: { name: unique('Endless'), permissions: [] } })
  assert.equal(made.status, 422)
  await page.getByText(/breaks? these rules/).waitFor()
  await form.getByRole('checkbox', { name: 'Every key has to have an end' }).click()
  await form.getByRole('button', { name: 'Save' }).click()
  await eventually('it is lifted', async () => (await organizationApi('staging', '/policy')).must_expire === before.must_expire)
  expectQuiet(page)
  await close(page)
})

test('a failed save loses nothing', async () => {
  const page = await signedIn(member, `${home}/settings/general?env=all`)
  await page.getByLabel('Name', { exact: true }).fill('A name that is not saved')
  await page.route('**/bff/control/v1/organizations/*', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()))
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText(/did not answer/).waitFor()
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'A name that is not saved')
  await page.getByRole('button', { name: 'Discard changes' }).click()
  assert.notEqual(await page.getByLabel('Name', { exact: true }).inputValue(), 'A name that is not saved')
  await close(page)
})

test('the login page of an organization shows its text', async () => {
  const page = await signedIn(member, `${home}/settings/login-page?env=all`)
  const text = unique('Staff only')
  await page.getByLabel(/^Text/).fill(text)
  await page.getByLabel(/^Accent/).fill('#ffff00')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText(/White text cannot be read/).waitFor()
  await page.getByLabel(/^Accent/).fill('#0f6a5b')
  await confirmIdentity(page, member, () => page.getByRole('button', { name: 'Save' }).click())
  await page.getByText('Login page saved.').waitFor()
  const stranger = await openPage()
  await stranger.goto(`/o/${org}/login`)
  await stranger.getByText(text).waitFor()
  expectQuiet(stranger)
  await close(stranger)
  await close(page)
})

test('an organization is made in Server Admin, set up in each environment, suspended and deleted', async (t) => {
  const page = await signedIn(admin, '/admin/organizations')
  const name = unique('Tidewater Ferries')
  const slug = name.toLowerCase().replaceAll(' ', '-')
  const dialog = page.getByRole('dialog')
  const question = page.getByRole('alertdialog')

  await t.test('the slug follows the name', async () => {
    await page.getByRole('button', { name: 'Create organization' }).click()
    await dialog.getByLabel('Name', { exact: true }).fill(name)
    assert.equal(await dialog.getByLabel('Slug').inputValue(), slug)
  })
  await t.test('each environment is a visible step', async () => {
    await confirmIdentity(page, admin, () => dialog.getByRole('button', { name: 'Create organization' }).click())
    const steps = page.getByRole('dialog', { name: `${name} is created` })
    await eventually('every step is ready', async () => (await steps.getByText('ready', { exact: true }).count()) === 3, 30_000)
    await steps.getByRole('button', { name: 'OK' }).click()
    for (const environment of ['production', 'staging', 'development']) {
      const key = world.environments[environment].root_key
      assert.equal((await api(environment, `/v1/organizations/${slug}`, { key })).status, 200, environment)
    }
  })
  await t.test('suspended and resumed', async () => {
    await menu(page, name, 'Suspend')
    await confirmIdentity(page, admin, () => question.getByRole('button', { name: 'Suspend organization' }).click())
    await row(page, name).getByText('Suspended').waitFor()
    await menu(page, name, 'Resume')
    await confirmIdentity(page, admin, () => question.getByRole('button', { name: 'Resume organization' }).click())
    await row(page, name).getByText('Active').waitFor()
  })
  await t.test('deleted, after its slug is typed', async () => {
    await menu(page, name, 'Delete')
    assert.ok(await question.getByRole('button', { name: 'Delete organization' }).isDisabled())
    await question.getByLabel('Type the slug to confirm').fill(slug)
    await confirmIdentity(page, admin, () => question.getByRole('button', { name: 'Delete organization' }).click())
    await eventually('the row goes', async () => (await row(page, name).count()) === 0)
    assert.equal((await api('production', `/v1/organizations/${slug}`, { key: world.environments.production.root_key })).status, 404)
  })
  expectQuiet(page)
  await close(page)
})

test('an organization that a root key made is adopted', async () => {
  const slug = unique('only-in-staging').replaceAll(' ', '-')
  const key = world.environments.staging.root_key
  const made = await api('staging', '/v1/organizations', { key, method: 'POST', body: { name: slug, slug } })
  assert.equal(made.status, 201)
  const page = await signedIn(admin, '/admin/organizations')
  const found = page.getByRole('listitem').filter({ hasText: slug })
  await confirmIdentity(page, admin, () => found.getByRole('button', { name: 'Adopt' }).click())
  await row(page, slug).waitFor()
  await close(page)
})
