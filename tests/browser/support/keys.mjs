// The API Keys page, in the words of the people who use it.
import assert from 'node:assert/strict'
import { keysPage } from './world.mjs'

/** Sidebar → Integrations → API Keys, as a person goes there. */
export async function goToKeys(page) {
  const sidebar = page.getByRole('navigation', { name: 'Main navigation' })
  await sidebar.getByText('Integrations', { exact: true }).click()
  await sidebar.getByRole('link', { name: 'API Keys' }).click()
  await page.getByRole('heading', { name: 'API Keys', level: 1 }).waitFor()
}

export const openKeys = (page, search = 'env=development') => page.goto(`${keysPage}?${search}`)

/** The row of a key, found by its name through the list's own search. */
export async function row(page, name) {
  await page.getByRole('searchbox').first().fill(name)
  const found = page.getByRole('row').filter({ hasText: name })
  await found.first().waitFor()
  return found.first()
}

export async function openCreate(page) {
  await page.getByRole('button', { name: 'Create API Key' }).first().click()
  const dialog = page.getByRole('dialog', { name: 'Create API Key' })
  await dialog.waitFor()
  return dialog
}

export async function openEdit(page, name) {
  const found = await row(page, name)
  await found.hover()
  await found.getByRole('button', { name: `Edit ${name}` }).click()
  const dialog = page.getByRole('dialog', { name: /Edit/ })
  await dialog.waitFor()
  return dialog
}

/** Opens the "⋯" menu of a key's row and takes one of its actions. */
export async function act(page, name, action) {
  const found = await row(page, name)
  await found.hover()
  await found.getByRole('button', { name: `Actions: ${name}` }).click()
  await page.getByRole('menuitem', { name: action, exact: true }).click()
}

/** The dialog that shows a secret once. */
export const secretDialog = (page) => page.getByRole('dialog').filter({ hasText: 'only time the full key is shown' })

/** Reads the secret that is shown, copies it, and closes with OK, as the guide says. */
export async function takeSecret(page) {
  const dialog = secretDialog(page)
  await dialog.waitFor()
  const [secret] = (await dialog.innerText()).match(/\b[a-z]+_(?:prod|stag|dev)_[A-Za-z0-9]+_[A-Za-z0-9]+/) ?? []
  assert.ok(secret, 'the dialog shows no secret')
  await dialog.getByRole('button', { name: 'Copy', exact: true }).first().click()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret)
  await dialog.getByRole('button', { name: 'OK' }).click()
  await dialog.waitFor({ state: 'hidden' })
  return secret
}

/** Sets one group of permissions to None, Read, Write or Custom. */
export const setGroup = (dialog, group, level) =>
  dialog.getByRole('group', { name: group, exact: true }).getByRole('button', { name: level, exact: true }).click()
