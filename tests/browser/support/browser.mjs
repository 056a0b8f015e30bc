// A browser whose pages are watched: what the policy refuses, what fails, and what an error leaves in the console.
import { after } from 'node:test'
import { chromium } from 'playwright-core'
import { origin } from './world.mjs'

let launched
/** Debian's Chromium, one for each file of tests. */
export async function browser() {
  launched ??= chromium.launch({
    executablePath: process.env.CLAVIGER_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  return launched
}
after(async () => (await launched)?.close())

const sizes = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 }, reflow: { width: 320, height: 640 } }

/**
 * A page in a profile of its own. `page.trouble` lists violations of the content policy, errors that nobody caught, and
 * requests to other origins; `expectQuiet` fails when there are any.
 */
export async function openPage({ size = 'wide', state, ...options } = {}) {
  const context = await (await browser()).newContext({
    baseURL: origin,
    viewport: sizes[size],
    storageState: state,
    permissions: ['clipboard-read', 'clipboard-write'],
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...options,
  })
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  await watch(page)
  return page
}

/** Watches a page from its first byte on. */
export async function watch(page) {
  page.trouble = []
  page.on('pageerror', (error) => page.trouble.push(`error: ${error.message}`))
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(origin) && !/^(data|blob|about):/.test(url)) page.trouble.push(`another origin: ${url}`)
  })
  await page.exposeFunction('tellViolation', (text) => page.trouble.push(`content policy: ${text}`))
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      globalThis.tellViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile ?? ''}:${event.lineNumber}`)
    })
  })
}

export function expectQuiet(page) {
  if (page.trouble.length > 0) throw new Error(`${page.url()}\n${page.trouble.join('\n')}`)
}

/** Closes the page's whole profile. */
export const close = (page) => page.context().close()
