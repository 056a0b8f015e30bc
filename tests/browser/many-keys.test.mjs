// Hundreds of keys in one organization: every one can be reached, filtered, sorted and revoked together.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { close, expectQuiet } from './support/browser.mjs'
import { openKeys } from './support/keys.mjs'
import { member, signedIn } from './support/people.mjs'
import { environments, eventually, organizationApi, unique } from './support/world.mjs'

const total = 523
const tag = unique('many').replaceAll(' ', '-')
const rows = (page) => page.getByRole('table').locator('tbody tr')

before(async () => {
  // Over all environments, so that the merged list has to keep its order.
  const bodies = Array.from({ length: total }, (_, index) => ({ name: `${tag} ${String(index).padStart(4, '0')}`, permissions: [], tags: [tag, index % 5 === 0 ? 'fifth' : 'other'], limits: 'none' }))
  for (let start = 0; start < total; start += 20)
    await Promise.all(bodies.slice(start, start + 20).map((body, index) => organizationApi(environments[(start + index) % 3], '/keys', { method: 'POST', body })))
})

test('every one of 523 keys is reached, in order, and none twice', async () => {
  const page = await signedIn(member, '/')
  await openKeys(page, `env=all&tag=${tag}&sort=name`)
  await page.getByText(`of ${total} keys`).waitFor()
  const more = page.getByRole('button', { name: 'Load more' })
  while ((await more.count()) > 0) {
    const shown = await rows(page).count()
    await more.click()
    await eventually('more rows', async () => (await rows(page).count()) > shown || (await more.count()) === 0)
  }
  const names = await rows(page).getByRole('rowheader').evaluateAll((cells) => cells.map((cell) => cell.innerText.split('\n')[0].trim()))
  assert.equal(names.length, total)
  assert.equal(new Set(names).size, total)
  assert.deepEqual(names, names.toSorted())
  // The last row is not covered by anything.
  const last = rows(page).last()
  await last.scrollIntoViewIfNeeded()
  await last.getByRole('button', { name: /^Actions/ }).click()
  await page.getByRole('menuitem', { name: 'View' }).waitFor()
  expectQuiet(page)
  await close(page)
})

test('filters, order and search are the server’s, and live in the address', async () => {
  const page = await signedIn(member, '/')
  await openKeys(page, `env=all&tag=${tag}&sort=-name`)
  await rows(page).first().waitFor()
  assert.match(await rows(page).first().innerText(), new RegExp(`${tag} 0522`))
  await page.getByRole('searchbox').fill(`${tag} 0317`)
  await eventually('one row', async () => (await rows(page).count()) === 1)
  assert.match(page.url(), /q=/)
  await page.reload()
  await eventually('still one row', async () => (await rows(page).count()) === 1)
  await page.goBack()
  await close(page)
})

test('many are revoked together', async () => {
  const page = await signedIn(member, '/')
  await openKeys(page, `env=development&tag=${tag}&status=active`)
  await rows(page).first().waitFor()
  const shown = await rows(page).count()
  await page.getByRole('checkbox', { name: 'Select all rows' }).click()
  const bar = page.getByRole('region', { name: `${shown} selected` })
  await bar.getByRole('button', { name: 'Revoke' }).click()
  const question = page.getByRole('alertdialog')
  await question.getByText(/used/).first().waitFor()
  const typed = question.getByRole('textbox')
  if (await typed.count()) await typed.fill(String(shown))
  await question.getByRole('button', { name: /^Revoke/ }).click()
  await question.waitFor({ state: 'hidden', timeout: 30_000 })
  await eventually('they are inactive', async () => {
    const { total: left } = await organizationApi('development', `/keys?tag=${tag}&status=inactive&count=true&limit=1`)
    return left === shown
  })
  expectQuiet(page)
  await close(page)
})
