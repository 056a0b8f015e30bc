// Signing in, and making people with a given role.
import { createHmac } from 'node:crypto'
import { close, openPage } from './browser.mjs'
import { origin, world } from './world.mjs'

const { email, password, member_email, member_password } = world.console
/** The server admin, who is in no organization, and the owner of the demo organization, that `claviger dev` makes. */
export const admin = { email, password }
export const member = { email: member_email, password: member_password }
const other = (name) => ({ email: `${name}@example.com`, password: member_password })
/** Who has which role in Staging of the demo organization. */
export const inStaging = { owner: member, admin: other('adam'), developer: other('dana'), viewer: other('victor'), auditor: other('audrey') }
/** Members whose sessions and second factors tests may end and change. */
export const spare = [other('devi'), other('maxim')]

/** Types the address and the password on the sign-in page, and goes on. */
export async function typeCredentials(page, person) {
  await page.getByLabel('E-mail').fill(person.email)
  await page.getByLabel('Password', { exact: true }).fill(person.password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

/** A page of somebody who is signed in, at a path. */
export async function signedIn(person, path = '/', options = {}) {
  const page = await openPage({ ...options, state: await stateOf(person) })
  await page.goto(path)
  await page.locator('main h1, main h2').first().waitFor()
  return page
}

const states = new Map()
/** The cookie of a person, from one sign-in for each file of tests. */
async function stateOf(person) {
  if (!states.has(person.email)) {
    const page = await openPage()
    await page.goto('/login')
    await typeCredentials(page, person)
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    states.set(person.email, await page.context().storageState())
    await close(page)
  }
  return structuredClone(states.get(person.email))
}

/** After a test has ended somebody's session. */
export const forget = (person) => states.delete(person.email)

/** Asks the console's server from inside a page, with its cookie, as the web app does. */
export const bff = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const response = await fetch(`/bff${path}`, {
        method,
        headers: {
          Accept: 'application/json',
          ...(method !== 'GET' && { 'X-Claviger-Request': '1' }),
          ...(body && { 'Content-Type': 'application/json' }),
        },
        body: body && JSON.stringify(body),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? null : JSON.parse(text) }
    },
    [method, path, body],
  )

/** The same, with the password once more beforehand. */
export async function bffConfirmed(page, person, method, path, body) {
  const stepUp = await bff(page, 'POST', '/control/v1/session/step-up', { password: person.password })
  if (stepUp.status !== 200) throw new Error(`step-up: ${stepUp.status} ${JSON.stringify(stepUp.body)}`)
  return bff(page, method, path, body)
}

/** Answers the dialog that asks who one is, where it appears. */
export async function confirmIdentity(page, person, act) {
  await act()
  const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' })
  const isAsked = await dialog.waitFor({ timeout: 1500 }).then(() => true, () => false)
  if (!isAsked) return
  await dialog.getByLabel('Password').fill(person.password)
  await dialog.getByRole('button', { name: 'Confirm' }).click()
  await dialog.waitFor({ state: 'hidden' })
}

/** Follows an invitation's link, chooses a name and a password, and joins. */
export async function acceptInvite(link, who) {
  const page = await openPage()
  await page.goto(link.replace(/^https?:\/\/[^/]+/, origin))
  await page.getByLabel('Name', { exact: true }).fill('A New Member')
  await page.getByLabel('Password', { exact: true }).fill(who.password)
  await page.getByRole('button', { name: 'Accept and sign in' }).click()
  await page.waitForURL((url) => !url.pathname.startsWith('/invite'))
  await close(page)
}

/** The code that an authenticator app shows for a secret in base 32. */
export function totp(secret, at = Date.now()) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret.replace(/[\s=]/g, '').toUpperCase()].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)))
  const digest = createHmac('sha1', key).update(counter).digest()
  const offset = digest[19] & 15
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
