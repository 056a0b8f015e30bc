import { QueryClientProvider } from '@tanstack/react-query'
import { render } from '@testing-library/react'
import { Suspense, type ReactNode } from 'react'
import { vi } from 'vitest'
import { queryClient } from '@/lib/query'
import { KeyScopeProvider } from '@/pages/keys/scope'
import { shownSecret } from '@/secret/shown'
import { SecretModal } from '@/secret/SecretModal'
import { sessionQuery } from '@/session/useSession'
import type { Session } from '@/session/types'

export const exampleSession: Session = {
  user: {
    id: 'usr_1',
    email: 'ines@example.com',
    name: 'Ines',
    is_server_admin: false,
    has_second_factor: true,
    recovery_codes_left: 8,
    password_changed_at: '2026-10-01T09:00:00Z',
    preferences: {},
  },
  session: { id: 'ses_1', assurance: 'password', step_up_until: null, created_at: '2026-11-19T08:00:00Z', expires_at: '2026-11-20T08:00:00Z' },
  organizations: [
    { id: 'org_1', slug: 'acme', name: 'Acme', member_id: 'mem_1', roles: { production: 'owner', staging: 'owner', development: 'owner' }, needs_second_factor: false },
  ],
  environments: [
    { name: 'production', public_url: 'https://api.example' },
    { name: 'development', public_url: 'https://api.dev.example' },
  ],
  version: '1',
}

export interface Sent {
  method: string
  path: string
  body: unknown
  headers: Record<string, string>
}

type Answer = { status?: number; body?: unknown; headers?: Record<string, string> } | Error

/** Answers requests by the first entry whose `METHOD /path` they begin with, in turn; and keeps what was sent. */
export function answering(answers: Record<string, Answer[]>): Sent[] {
  const sent: Sent[] = []
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const method = init.method ?? 'GET'
    sent.push({ method, path: url, body: init.body ? JSON.parse(String(init.body)) : undefined, headers: init.headers as Record<string, string> })
    const name = Object.keys(answers).find((each) => `${method} ${url}`.startsWith(each))
    const list = name ? answers[name]! : []
    const answer = (list.length > 1 ? list.shift() : list[0]) ?? { body: { items: [], next_cursor: null, groups: [] } }
    if (answer instanceof Error) throw answer
    const { status = 200, body, headers } = answer
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers })
  })
  return sent
}

/** Draws a component of an organization's keys, with someone signed in and the secret's dialog above it. */
export function renderInKeys(children: ReactNode) {
  queryClient.clear()
  shownSecret.set(null)
  queryClient.setQueryData(sessionQuery.queryKey, exampleSession)
  return render(
    <QueryClientProvider client={queryClient}>
      <Suspense>
        <KeyScopeProvider
          value={{ kind: 'organization', org: 'acme', listPath: '/o/acme/integrations/api-keys', present: ['production', 'development'], may: () => true, reason: () => undefined }}
        >
          {children}
        </KeyScopeProvider>
        <SecretModal />
      </Suspense>
    </QueryClientProvider>,
  )
}
