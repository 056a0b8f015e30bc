import { isEnvironment, type Environment } from './environments'
import { held } from './emitter'
import { Failure, type ProblemBody } from './problem'

/** Set when the server says that the session has ended: the overlay shows it, and the page stays as it is below. */
export const sessionEnded = held(false)
/** The server's version, and whether it is another one than this bundle was loaded from. */
export const serverVersion = held<string | null>(null)
export const isOutdated = held(false)
/** Asks for the password or a code; `false` when the person gave up. Set by the dialog that asks. */
export const stepUp = held<(() => Promise<boolean>) | null>(null)
/** Called when a policy wants a second factor before anything else. */
export const secondFactorRequired = held<(() => void) | null>(null)

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  query?: Record<string, string | number | boolean | null | undefined>
  body?: unknown
  /** Makes a repeated create answer with what the first one made. */
  idempotencyKey?: string
  ifMatch?: string
  signal?: AbortSignal
}

export interface Answer<T> {
  data: T
  etag: string | null
}

const no_answer = (detail: string): ProblemBody => ({ code: 'no-answer', title: 'No answer', detail, status: 0 })

/** Sends one request to the console's server and throws a [`Failure`] for everything that is not a success. */
export async function request<T>(path: string, call: Call = {}): Promise<Answer<T>> {
  const response = await send(path, call)
  noteVersion(response)
  if (response.ok) {
    const data = response.status === 204 ? undefined : await response.json()
    return { data: data as T, etag: response.headers.get('ETag') }
  }
  const problem = await problemOf(response)
  if (problem.code === 'session-ended') sessionEnded.set(true)
  if (problem.code === 'second-factor-required') secondFactorRequired.get()?.()
  if (problem.code === 'step-up-required' && !path.endsWith('/session/step-up') && (await stepUp.get()?.())) {
    return request(path, call)
  }
  throw new Failure(problem, environmentOf(path))
}

async function send(path: string, call: Call): Promise<Response> {
  const method = call.method ?? 'GET'
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (method !== 'GET') headers['X-Claviger-Request'] = '1'
  if (call.body !== undefined) headers['Content-Type'] = 'application/json'
  if (call.idempotencyKey) headers['Idempotency-Key'] = call.idempotencyKey
  if (call.ifMatch) headers['If-Match'] = call.ifMatch
  try {
    return await fetch(path + queryText(call.query), {
      method,
      headers,
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
      signal: call.signal,
      credentials: 'same-origin',
      cache: 'no-store',
    })
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') throw thrown
    throw new Failure(no_answer('The console did not answer. Nothing is known to have changed.'), environmentOf(path))
  }
}

export function queryText(query: Call['query']): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== '')
  if (pairs.length === 0) return ''
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`
}

async function problemOf(response: Response): Promise<ProblemBody> {
  const fallback: ProblemBody = {
    code: 'unreadable-answer',
    title: response.statusText || 'Failed',
    detail: `The server answered ${response.status} without saying why.`,
    status: response.status,
  }
  try {
    return { ...fallback, ...((await response.json()) as Partial<ProblemBody>) }
  } catch {
    return fallback
  }
}

function noteVersion(response: Response) {
  const version = response.headers.get('X-Claviger-Version')
  if (!version) return
  const known = serverVersion.get()
  if (known === null) serverVersion.set(version)
  else if (known !== version) isOutdated.set(true)
}

function environmentOf(path: string): Environment | undefined {
  const name = path.split('/')[2]
  return isEnvironment(name) ? name : undefined
}
