import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { queryClient } from '@/lib/query'
import { shownSecret } from '@/secret/shown'
import { exampleKey } from '@/test/keys'
import { answering, renderInKeys } from '@/test/render'
import { KeyFormDialog } from './KeyFormDialog'

const create = 'POST /bff/development/v1/organizations/acme/keys'
const secret = 'clv_dev_Hc6pW2vNq8RtY4Ks_hV3nR8cYpJ2dXk6TqGz5EuBw7AfMs0Hi1Qr9f3'
const made = { status: 201, body: { key: { ...exampleKey, name: 'Portal' }, secret } }
const dialog = () => screen.findByRole('dialog')
const press = async (name: string) => userEvent.click(within(await dialog()).getByRole('button', { name }))
const nameField = async () => within(await dialog()).getByLabelText('Name')

describe('Create API Key', () => {
  it('says what is missing and brings the focus there', async () => {
    answering({})
    renderInKeys(<KeyFormDialog onClose={vi.fn()} preset="development" />)
    await press('Create API Key')
    expect(await screen.findByText('Give the key a name.')).toBeTruthy()
    await waitFor(async () => expect(document.activeElement).toBe(await nameField()))
  })

  it('loses nothing when the server refuses, and then makes one key', async () => {
    const sent = answering({
      [create]: [{ status: 422, body: { code: 'validation', detail: 'No.', errors: [{ pointer: '/name', code: 'taken', message: 'Another key has this name.' }] } }, made],
    })
    const onClose = vi.fn()
    renderInKeys(<KeyFormDialog onClose={onClose} preset="development" />)
    await userEvent.type(await nameField(), 'Portal')
    await userEvent.click(screen.getByRole('checkbox', { name: 'Allow All IP Addresses' }))
    await userEvent.type(screen.getByLabelText(/IP Allowlist/), '10.0.0.1')
    await press('Create API Key')
    expect(await screen.findByText('Another key has this name.')).toBeTruthy()
    expect(onClose).not.toHaveBeenCalled()
    expect(screen.getByLabelText<HTMLTextAreaElement>(/IP Allowlist/).value).toBe('10.0.0.1')

    await userEvent.type(await nameField(), ' 2')
    expect(screen.queryByText('Another key has this name.')).toBeNull()
    await press('Create API Key')
    await waitFor(() => expect(onClose).toHaveBeenCalledOnce())
    const posts = sent.filter(({ method }) => method === 'POST')
    expect(posts.map(({ body }) => (body as { name: string }).name)).toEqual(['Portal', 'Portal 2'])
    expect(posts[0]!.headers['Idempotency-Key']).not.toBe(posts[1]!.headers['Idempotency-Key'])
  })

  it('sends a second try of the same under the same mark', async () => {
    const sent = answering({ [create]: [new Error('offline'), made] })
    renderInKeys(<KeyFormDialog onClose={vi.fn()} preset="development" />)
    await userEvent.type(await nameField(), 'Portal')
    await press('Create API Key')
    expect(await screen.findByText(/did not answer/)).toBeTruthy()
    await press('Create API Key')
    await waitFor(() => expect(sent.filter(({ method }) => method === 'POST')).toHaveLength(2))
    const [one, other] = sent.filter(({ method }) => method === 'POST')
    expect(one!.headers['Idempotency-Key']).toBe(other!.headers['Idempotency-Key'])
  })

  it('asks before it throws away what was typed', async () => {
    answering({})
    const onClose = vi.fn()
    renderInKeys(<KeyFormDialog onClose={onClose} preset="development" />)
    await userEvent.type(await nameField(), 'Portal')
    await press('Cancel')
    expect(onClose).not.toHaveBeenCalled()
    await userEvent.click(await screen.findByRole('button', { name: 'Discard' }))
    expect(onClose).toHaveBeenCalledOnce()
  })

  it('shows the secret once, and keeps it nowhere when it is closed', async () => {
    answering({ [create]: [made] })
    renderInKeys(<KeyFormDialog onClose={vi.fn()} preset="development" />)
    await userEvent.type(await nameField(), 'Portal')
    await press('Create API Key')
    const once = await screen.findByText(/only time the full key is shown/)
    const box = once.closest<HTMLElement>('[role="dialog"]')!
    await userEvent.click(within(box).getByRole('checkbox', { name: 'I have saved this key' }))
    await userEvent.click(within(box).getByRole('button', { name: 'OK' }))
    await waitFor(() => expect(screen.queryByText(/only time the full key/)).toBeNull())
    const cached = queryClient.getQueryCache().getAll().map(({ state }) => state.data)
    const changes = queryClient.getMutationCache().getAll()
    const everything = [document.documentElement.outerHTML, JSON.stringify(cached), JSON.stringify(changes), location.href, JSON.stringify({ ...localStorage, ...sessionStorage })]
    expect(everything.join()).not.toContain('hV3nR8cYpJ2dXk6T')
    expect(shownSecret.get()).toBeNull()
  })
})

describe('Update API Key', () => {
  const at = '/bff/production/v1/organizations/acme/keys/key_1'

  it('changes what was changed, against the state that was read', async () => {
    const sent = answering({ [`GET ${at}`]: [{ body: exampleKey, headers: { ETag: '"7"' } }], [`PATCH ${at}`]: [{ body: exampleKey }] })
    const onClose = vi.fn()
    renderInKeys(<KeyFormDialog onClose={onClose} editing={exampleKey} />)
    await userEvent.type(await nameField(), ' 2')
    await press('Update API Key')
    await waitFor(() => expect(onClose).toHaveBeenCalledOnce())
    const patch = sent.find(({ method }) => method === 'PATCH')!
    expect(patch.body).toEqual({ name: 'Carrier rate sync 2' })
    expect(patch.headers['If-Match']).toBe('"7"')
  })

  it('shows what somebody else changed instead of overwriting it', async () => {
    const theirs = { ...exampleKey, tags: ['other'], updated_at: '2026-11-19T13:00:00Z' }
    const sent = answering({ [`GET ${at}`]: [{ body: theirs, headers: { ETag: '"8"' } }], [`PATCH ${at}`]: [{ body: theirs }] })
    renderInKeys(<KeyFormDialog onClose={vi.fn()} editing={exampleKey} />)
    await userEvent.type(await nameField(), ' 2')
    await press('Update API Key')
    expect(await screen.findByText('Somebody else changed this key meanwhile.')).toBeTruthy()
    expect(sent.some(({ method }) => method === 'PATCH')).toBe(false)
    await userEvent.click(screen.getByRole('button', { name: /save over theirs/ }))
    await waitFor(() => expect(sent.find(({ method }) => method === 'PATCH')?.headers['If-Match']).toBe('"8"'))
    expect(sent.find(({ method }) => method === 'PATCH')!.body).toEqual({ name: 'Carrier rate sync 2' })
  })
})
