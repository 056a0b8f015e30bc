// Every page of the console, by name; what tests and screenshots go through.
import { home, keysPage, organizationApi } from './world.mjs'

const first = async (environment, path) => (await organizationApi(environment, path)).items[0]

/** Pages that need no session. */
export const outsidePages = [
  { name: 'sign-in', path: '/login' },
  { name: 'forgot', path: '/forgot' },
]

/** Pages of the demo organization and of the account: as a member sees them. */
export async function memberPages() {
  const [key, customer] = await Promise.all([first('production', '/keys?limit=1'), first('production', '/customers?limit=1')])
  return [
    { name: 'overview', path: home },
    { name: 'api-keys', path: `${keysPage}?env=all` },
    { name: 'api-keys-production', path: `${keysPage}?env=production` },
    { name: 'api-key', path: `${keysPage}/${key.id}?env=production` },
    { name: 'api-key-access', path: `${keysPage}/${key.id}?env=production&tab=access` },
    { name: 'api-key-history', path: `${keysPage}/${key.id}?env=production&tab=history` },
    { name: 'customers', path: `${home}/customers?env=all` },
    { name: 'customer', path: `${home}/customers/${customer.id}?env=production` },
    { name: 'domains', path: `${home}/domains?env=all` },
    { name: 'settings-general', path: `${home}/settings/general?env=all` },
    { name: 'settings-environments', path: `${home}/settings/environments?env=all` },
    { name: 'settings-members', path: `${home}/settings/members?env=all` },
    { name: 'settings-roles', path: `${home}/settings/roles?env=production` },
    { name: 'settings-security', path: `${home}/settings/security?env=all` },
    { name: 'settings-login-page', path: `${home}/settings/login-page?env=all` },
    { name: 'account-profile', path: '/account/profile' },
    { name: 'account-security', path: '/account/security' },
    { name: 'account-sessions', path: '/account/sessions' },
    { name: 'account-preferences', path: '/account/preferences' },
    { name: 'not-found', path: `${home}/no-such-page` },
  ]
}

/** Pages of Server Admin. */
export const adminPages = [
  { name: 'admin-organizations', path: '/admin/organizations' },
  { name: 'admin-users', path: '/admin/users' },
  { name: 'admin-root-api-keys', path: '/admin/root-api-keys?env=all' },
  { name: 'admin-integration-api', path: '/admin/integration-api' },
  { name: 'admin-system', path: '/admin/system' },
]

/** Opens a page and waits until it has nothing more to load. */
export async function visit(page, path) {
  await page.goto(path)
  await page.locator('h1, h2').first().waitFor()
  await page.waitForLoadState('networkidle')
  await page.locator('[aria-busy="true"]').waitFor({ state: 'detached' }).catch(() => undefined)
}
