import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Plugin } from 'vite'
import { environmentAnswer } from './environment.ts'
import { controlAnswer } from './control.ts'

/** What an invented answer is made from. */
export interface Asked {
  method: string
  path: string
  query: URLSearchParams
  body: Record<string, unknown>
}
export type Answered = { status: number; body?: unknown; headers?: Record<string, string> } | undefined

export const ok = (body: unknown, status = 200): Answered => ({ status, body })
export const problem = (status: number, code: string, detail: string, more: object = {}): Answered => ({
  status,
  body: { type: 'about:blank', title: code, status, code, detail, request_id: 'req_0R7cUB8PD', ...more },
})

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

function send(response: ServerResponse, answered: Answered) {
  const { status, body, headers = {} } = answered ?? problem(404, 'not-found', 'The fixture has no such thing.')!
  response.writeHead(status, {
    'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json',
    'X-Claviger-Version': '1.4.2',
    ...headers,
  })
  response.end(body === undefined ? '' : JSON.stringify(body))
}

function answer(request: IncomingMessage, response: ServerResponse) {
  void (async () => {
    const url = new URL(request.url ?? '/', 'http://fixture')
    const [, where = '', , ...rest] = url.pathname.split('/')
    const asked: Asked = {
      method: request.method ?? 'GET',
      path: `/${rest.join('/')}`,
      query: url.searchParams,
      body: await bodyOf(request),
    }
    send(response, where === 'control' ? controlAnswer(asked) : environmentAnswer(where, asked))
  })()
}

/** Answers `/bff` with invented data, for working on pages without a server: `npx vite --mode fixture`. */
export const fixture = (): Plugin => ({
  name: 'fixture',
  configureServer(server) {
    server.middlewares.use('/bff', answer)
  },
  // `npx vite preview --mode fixture`: the built bundle under the console's policy.
  configurePreviewServer(server) {
    server.middlewares.use('/bff', answer)
  },
})
