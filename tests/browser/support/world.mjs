// The installation under test, as its dev.json describes it.
import { readFileSync } from 'node:fs'

const path = process.env.CLAVIGER_DEV
if (!path) throw new Error('CLAVIGER_DEV names no dev.json: run tests/browser/check.sh')

export const world = JSON.parse(readFileSync(path, 'utf8'))
/** Where the console answers. */
export const origin = world.console.url.replace(/\/$/, '')
/** The organization of the demo data, in which both demo people are. */
export const org = world.organization.slug
export const home = `/o/${org}`
export const keysPage = `${home}/integrations/api-keys`
export const environments = ['production', 'staging', 'development']

/** Asks one environment's API with an organization key (or the root key), past the console. */
export async function api(environment, path, { method = 'GET', body, key = world.environments[environment].organization_key } = {}) {
  const response = await fetch(`${world.environments[environment].api_url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

/** The same inside the demo organization, as the root key, whose limit tests do not reach. A failure ends the test. */
export async function organizationApi(environment, path, options) {
  const answer = await api(environment, `/v1/organizations/${org}${path}`, { key: world.environments[environment].root_key, ...options })
  if (answer.status >= 400) throw new Error(`${options?.method ?? 'GET'} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

/** Makes a key past the console; its secret is among what is returned. */
export async function makeKey(environment, body) {
  const { key, secret } = await organizationApi(environment, '/keys', { method: 'POST', body: { permissions: ['documents.read'], ...body } })
  return { ...key, secret }
}

let number = 0
/** A name that no other test uses. */
export const unique = (stem) => `${stem} ${process.pid.toString(36)}${(number++).toString(36)}`

/** Waits until `found` returns something true; says `what` was waited for when it never does. */
export async function eventually(what, found, patience = 15_000) {
  const end = Date.now() + patience
  for (;;) {
    const value = await found()
    if (value) return value
    if (Date.now() > end) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
