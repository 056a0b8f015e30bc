// Pictures of every page for people to look at: light, dark, and on a phone.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { close, expectQuiet, openPage } from './support/browser.mjs'
import { openCreate, openKeys, secretDialog } from './support/keys.mjs'
import { admin, member, signedIn } from './support/people.mjs'
import { adminPages, memberPages, outsidePages, visit } from './support/pages.mjs'
import { home, unique } from './support/world.mjs'

const folder = process.env.CLAVIGER_SCREENS ?? 'target/screens'
mkdirSync(folder, { recursive: true })

/** The page as one sees it, and what scrolling in its sheet brings. */
async function shoot(page, name) {
  const more = await page.evaluate(() => {
    const sheet = document.querySelector('#sheet')
    return sheet ? sheet.scrollHeight - sheet.clientHeight : 0
  })
  const { width, height } = page.viewportSize()
  if (more > 0) await page.setViewportSize({ width, height: Math.min(height + more, 3000) })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true, animations: 'disabled' })
  if (more > 0) await page.setViewportSize({ width, height })
}

const looks = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { colorScheme: 'light', size: 'narrow', hasTouch: true, isMobile: true }],
]
for (const [look, options] of looks)
  test(`pictures: ${look}`, async () => {
    const groups = [
      [() => openPage(options), outsidePages],
      [() => signedIn(member, '/', options), await memberPages()],
      [() => signedIn(admin, '/', options), adminPages],
    ]
    for (const [open, pages] of groups) {
      const page = await open()
      for (const { name, path } of pages) {
        await visit(page, path)
        await shoot(page, `${name}.${look}`)
        expectQuiet(page)
      }
      await close(page)
    }
  })

for (const [look, options] of looks)
  test(`pictures of what lies over a page: ${look}`, async () => {
    const page = await signedIn(member, home, options)
    await openKeys(page)
    const dialog = await openCreate(page)
    await shoot(page, `create-api-key.${look}`)
    await dialog.getByLabel('Name', { exact: true }).fill(unique('Pictured'))
    await dialog.getByRole('button', { name: 'Create API Key' }).click()
    await secretDialog(page).waitFor()
    await shoot(page, `secret.${look}`)
    await close(page)
  })
