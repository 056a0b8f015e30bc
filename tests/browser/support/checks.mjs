// What is checked on every page.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import assert from 'node:assert/strict'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Serious and critical findings of axe. It is injected past the content policy, by the browser's own protocol. */
export async function axe(page, { within, rules = {} } = {}) {
  await page.evaluate(axeSource)
  const findings = await page.evaluate(
    ({ within, rules }) =>
      globalThis.axe.run(within ?? document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        // Floating layers stand outside the landmarks.
        rules: { region: { enabled: false }, ...rules },
        resultTypes: ['violations'],
      }),
    { within, rules },
  )
  return findings.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.slice(0, 4).map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary.split('\n')[1] ?? ''}`).join('\n    ')}`)
}

export async function expectAccessible(page, what, options) {
  const findings = await axe(page, options)
  assert.deepEqual(findings, [], `${what}: ${findings.join('\n')}`)
}

/** Whether anything but a box made for it scrolls sideways: the page as a whole, or its sheet beyond a table. */
export const widthOverflow = (page) =>
  page.evaluate(() => {
    const over = (element) => element.scrollWidth - element.clientWidth
    const sheet = document.querySelector('#sheet')
    return Math.max(over(document.documentElement), sheet ? over(sheet) : 0)
  })

/** Texts that are cut without a way to see the rest: wider than their box, which hides the rest. */
export const cutTexts = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('h1, h2, button, label, th')]
      .filter((element) => element.checkVisibility() && !element.closest('.sr-only'))
      .filter((element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflow === 'hidden')
      .filter((element) => !element.title)
      .map((element) => element.textContent.trim().slice(0, 60)),
  )

/**
 * Interactive things that are smaller than 24 by 24 and nearer to another than that (2.5.8): a circle of 24 around the middle of
 * each must touch no other. Links in running text are exempt.
 */
export const smallTargets = (page) =>
  page.evaluate(() => {
    const size = (element) => {
      const box = element.getBoundingClientRect()
      const around = getComputedStyle(element, '::after')
      const grown = around.content !== 'none' && around.position === 'absolute' ? -2 * Number.parseFloat(around.top || '0') : 0
      const label = element.closest('label')?.getBoundingClientRect()
      return { x: box.x + box.width / 2, y: box.y + box.height / 2, box, width: Math.max(box.width + grown, label?.width ?? 0), height: Math.max(box.height + grown, label?.height ?? 0) }
    }
    const targets = [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea, [role="checkbox"], [role="switch"]')]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('.sr-only, [aria-hidden="true"]') && element.tabIndex >= 0)
      .filter((element) => !(element.tagName === 'A' && getComputedStyle(element).display === 'inline'))
      .map((element) => ({ name: element.getAttribute('aria-label') ?? element.textContent.trim().slice(0, 30), ...size(element) }))
      .filter(({ width }) => width > 0)
    const isSmall = ({ width, height }) => Math.round(width) < 24 || Math.round(height) < 24
    const distance = ({ x, y }, { box }) => Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom))
    return targets
      .filter((target) => isSmall(target) && targets.some((other) => other !== target && (distance(target, other) < 12 || (isSmall(other) && Math.hypot(target.x - other.x, target.y - other.y) < 24))))
      .map(({ name, width, height }) => `${name}: ${Math.round(width)} × ${Math.round(height)}`)
  })

/** Goes through a page by Tab and returns the name of every stop; fails when the focus cannot be seen. */
export async function tabStops(page, most = 80) {
  await page.evaluate(() => document.activeElement?.blur())
  const stops = []
  for (let step = 0; step < most; step++) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(() => {
      const element = document.activeElement
      if (!element || element === document.body) return null
      element.dataset.stop ??= String(Math.random())
      const style = getComputedStyle(element)
      const around = element.closest('.part-control') ?? element
      const box = element.getBoundingClientRect()
      const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
      return {
        id: element.dataset.stop,
        name: element.getAttribute('aria-label') || element.textContent.trim().slice(0, 40) || element.getAttribute('placeholder') || element.id || element.tagName,
        isMarked: style.outlineStyle !== 'none' || getComputedStyle(around).boxShadow !== 'none',
        isHidden: at !== null && at !== element && !element.contains(at) && !at.contains(element) && !element.closest('label')?.contains(at),
      }
    })
    if (!stop || stops.some(({ id }) => id === stop.id)) break
    stops.push(stop)
  }
  return stops
}

/** Everything of a page that could still hold a text: what it shows, its fields, storage, caches, addresses, history. */
export async function traces(page, text) {
  const found = await page.evaluate(async (text) => {
    const places = {
      document: document.documentElement.outerHTML,
      fields: [...document.querySelectorAll('input, textarea')].map((field) => field.value).join('\n'),
      address: location.href,
      history: JSON.stringify(history.state),
      localStorage: JSON.stringify({ ...localStorage }),
      sessionStorage: JSON.stringify({ ...sessionStorage }),
      cookies: document.cookie,
      name: window.name,
      caches: '',
      databases: JSON.stringify(await (indexedDB.databases?.() ?? [])),
      resources: performance.getEntries().map((entry) => entry.name).join('\n'),
    }
    for (const name of (await globalThis.caches?.keys()) ?? []) {
      for (const request of await (await caches.open(name)).keys()) places.caches += request.url + (await (await caches.match(request)).text())
    }
    return Object.entries(places)
      .filter(([, content]) => content.includes(text))
      .map(([place]) => place)
  }, text)
  return found
}
