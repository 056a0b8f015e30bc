import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { environmentCall } from './api'
import { isOutdated, request, serverVersion, sessionEnded, stepUp } from './http'
import { Failure } from './problem'

const answers: Response[] = []
const fetched = vi.fn<(url: string, init: RequestInit) => Promise<Response>>(async () => answers.shift() ?? Response.error())
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers })
const headersOf = (call: number) => fetched.mock.calls[call]![1].headers as Record<string, string>

beforeEach(() => {
  vi.stubGlobal('fetch', fetched)
  fetched.mockClear()
  answers.length = 0
})
afterEach(() => {
  sessionEnded.set(false)
  isOutdated.set(false)
  serverVersion.set(null)
  stepUp.set(null)
})

describe('a request', () => {
  it('proves with a header that it comes from the console, when it changes something', async () => {
    answers.push(json(200, {}), json(204, null))
    await request('/bff/control/v1/session')
    await request('/bff/control/v1/session/sign-out', { method: 'POST' })
    expect(headersOf(0)).not.toHaveProperty('X-Claviger-Request')
    expect(headersOf(1)).toHaveProperty('X-Claviger-Request', '1')
    expect(fetched.mock.calls[1]![1].credentials).toBe('same-origin')
  })

  it('hands on what makes a repeated change harmless', async () => {
    answers.push(json(201, {}), json(200, {}))
    await request('/bff/staging/v1/x', { method: 'POST', body: {}, idempotencyKey: 'once' })
    await request('/bff/staging/v1/x', { method: 'PATCH', body: {}, ifMatch: '"7"' })
    expect(headersOf(0)).toHaveProperty('Idempotency-Key', 'once')
    expect(headersOf(1)).toHaveProperty('If-Match', '"7"')
  })

  it('leaves out what is not asked for', async () => {
    answers.push(json(200, {}))
    await request('/bff/staging/v1/keys', { query: { text: 'a b', status: undefined, cursor: null, tag: '' } })
    expect(fetched.mock.calls[0]![0]).toBe('/bff/staging/v1/keys?text=a+b')
  })

  it('says which environment refused, and which field', async () => {
    answers.push(json(422, { code: 'validation', detail: 'No.', errors: [{ pointer: '/limits/0/window_ms', code: 'x', message: 'Too long.' }] }))
    const failure = await environmentCall('staging', '/keys').catch((thrown: Failure) => thrown)
    expect(failure).toMatchObject({ environment: 'staging', status: 422, code: 'validation' })
    expect((failure as Failure).fields()).toEqual({ 'limits.0.window_ms': 'Too long.' })
  })

  it('reads an answer that is no problem as one', async () => {
    answers.push(new Response('<html>', { status: 502 }))
    await expect(request('/bff/staging/v1/keys')).rejects.toMatchObject({ status: 502, code: 'unreadable-answer' })
  })
})

describe('a session', () => {
  it('that has ended is told once, and the request fails', async () => {
    answers.push(json(401, { code: 'session-ended', detail: 'Ended.' }))
    await expect(request('/bff/control/v1/session')).rejects.toBeInstanceOf(Failure)
    expect(sessionEnded.get()).toBe(true)
  })

  it('that is confirmed lets the same request go on', async () => {
    stepUp.set(async () => true)
    answers.push(json(403, { code: 'step-up-required', detail: '' }), json(200, { done: true }))
    const { data } = await request('/bff/control/v1/x', { method: 'DELETE' })
    expect(data).toEqual({ done: true })
    expect(fetched).toHaveBeenCalledTimes(2)
  })

  it('that is not confirmed lets it fail', async () => {
    stepUp.set(async () => false)
    answers.push(json(403, { code: 'step-up-required', detail: '' }))
    await expect(request('/bff/control/v1/x', { method: 'DELETE' })).rejects.toMatchObject({ code: 'step-up-required' })
    expect(fetched).toHaveBeenCalledTimes(1)
  })
})

describe('the version', () => {
  it('is noticed when it changes', async () => {
    answers.push(json(200, {}, { 'X-Claviger-Version': '1' }), json(200, {}, { 'X-Claviger-Version': '1' }), json(200, {}, { 'X-Claviger-Version': '2' }))
    await request('/a')
    await request('/a')
    expect(isOutdated.get()).toBe(false)
    await request('/a')
    expect(isOutdated.get()).toBe(true)
  })
})
