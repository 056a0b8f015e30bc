// Each of these is a gate of its own: a page that axe finds nothing on can still be unusable at 320 px or by keyboard.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, expectQuiet, openPage } from './support/browser.mjs'
import { cutTexts, expectAccessible, smallTargets, tabStops, widthOverflow } from './support/checks.mjs'
import { openCreate } from './support/keys.mjs'
import { admin, member, signedIn } from './support/people.mjs'
import { adminPages, memberPages, outsidePages, visit } from './support/pages.mjs'
import { home, keysPage } from './support/world.mjs'

/** Opens every page as the person who sees it, one browser profile for each person, and does something there. */
async function everyPage(options, visited) {
  const groups = [
    [() => openPage(options), outsidePages],
    [() => signedIn(member, '/', options), await memberPages()],
    [() => signedIn(admin, '/', options), adminPages],
  ]
  const found = []
  for (const [open, pages] of groups) {
    const page = await open()
    for (const each of pages) {
      await visit(page, each.path)
      try {
        await visited(page, each)
        expectQuiet(page)
      } catch (error) {
        found.push(`${each.name}: ${error.message}`)
        page.trouble.length = 0
      }
    }
    await close(page)
  }
  assert.deepEqual(found, [], found.join('\n\n'))
}

for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing serious, and the policy is kept: ${colorScheme}`, () =>
    everyPage({ colorScheme }, async (page, { name, path }) => {
      if (!path.startsWith('/login') && !path.startsWith('/forgot'))
        assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme)
      await expectAccessible(page, name)
    }))

test('nothing scrolls sideways and no heading is cut at 320 px', () =>
  everyPage({ size: 'reflow' }, async (page) => {
    const over = await widthOverflow(page)
    assert.ok(over <= 1, `${over} px too wide`)
    assert.deepEqual(await cutTexts(page), [])
  }))

test('nothing is lost at 200 % zoom', () =>
  // What a browser of 1280 by 900 shows at 200 %.
  everyPage({ viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 }, async (page) => {
    const over = await widthOverflow(page)
    assert.ok(over <= 1, `${over} px too wide`)
    assert.deepEqual(await cutTexts(page), [])
  }))

test('targets are 24 px or larger, or apart', () => everyPage({}, async (page) => assert.deepEqual(await smallTargets(page), [])))

test('every stop of the keyboard can be seen', () =>
  everyPage({}, async (page, { name }) => {
    const stops = await tabStops(page)
    assert.ok(stops.length >= (name === 'forgot' ? 2 : 3), `${stops.length} stops`)
    const unmarked = stops.filter(({ isMarked }) => !isMarked).map(({ name }) => name)
    const hidden = stops.filter(({ isHidden }) => isHidden).map(({ name }) => name)
    assert.deepEqual({ unmarked, hidden }, { unmarked: [], hidden: [] })
  }))

test('in forced colours, states are told by more than a colour', () =>
  everyPage({ forcedColors: 'active' }, async (page) => {
    // The colours are the system's here; axe sees those that it has replaced.
    await expectAccessible(page, 'forced colours', { rules: { 'color-contrast': { enabled: false } } })
    // What is chosen must have a border or an outline of its own, since grounds are taken away.
    const bare = await page.evaluate(() =>
      [...document.querySelectorAll('[aria-current="page"], [aria-pressed="true"]')]
        .filter((element) => element.checkVisibility())
        .filter((element) => {
          const { outlineStyle, borderTopStyle, borderBottomStyle, borderBottomWidth } = getComputedStyle(element)
          return outlineStyle === 'none' && borderTopStyle === 'none' && (borderBottomStyle === 'none' || borderBottomWidth === '0px')
        })
        .map((element) => element.textContent.trim()),
    )
    assert.deepEqual(bare, [])
  }))

test('dialogs keep the focus, hide what is below, and give it back', async () => {
  const page = await signedIn(member, `${keysPage}?env=development`)
  const dialog = await openCreate(page)
  await expectAccessible(page, 'the form of a key')
  for (let step = 0; step < 60; step++) {
    await page.keyboard.press('Tab')
    assert.ok(await dialog.evaluate((element) => element.contains(document.activeElement) || document.activeElement === document.body || document.activeElement.hasAttribute('data-base-ui-focus-guard')))
  }
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Create API Key/)
  await close(page)
})

test('the palette leads to every page by keyboard alone', async () => {
  const page = await signedIn(member, home)
  await page.keyboard.press('Control+k')
  await page.keyboard.type('Domains')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Domains', level: 1 }).waitFor()
  expectQuiet(page)
  await close(page)
})

test('the environment is told by badge, strip, title and address', async () => {
  const page = await signedIn(member, `${keysPage}?env=production`)
  assert.match(await page.title(), /^\[PROD\]/)
  await page.locator('[data-strip="production"]').first().waitFor()
  await page.getByRole('group', { name: 'Environment' }).getByRole('button', { name: 'Staging' }).click()
  await page.waitForURL(/env=staging/)
  assert.match(await page.title(), /^\[STAG\]/)
  // A link that asks for another environment shows it, says so, and does not change the choice of the tab.
  await page.goto(`${keysPage}?env=development`)
  await page.getByText('Viewing Development because the link asks for it.').waitFor()
  await page.getByRole('button', { name: 'Back to Staging' }).click()
  await page.waitForURL(/env=staging/)
  await close(page)
})

test('motion is reduced where the system asks for it', async () => {
  const page = await signedIn(member, `${keysPage}?env=development`)
  await openCreate(page)
  const moving = await page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === 'running').length)
  assert.equal(moving, 0)
  await close(page)
})
