import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { exampleKey } from '@/test/keys'
import { answering, renderInKeys } from '@/test/render'
import { DeleteDialog } from './DeleteDialog'

const at = 'DELETE /bff/production/v1/organizations/acme/keys/key_1'
const confirm = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Delete key' })

describe('the question before a key is deleted', () => {
  it('starts at Cancel, and wants the name of a production key', async () => {
    const sent = answering({ [at]: [{ status: 204 }] })
    const onClose = vi.fn()
    renderInKeys(<DeleteDialog placed={exampleKey} onClose={onClose} />)
    await waitFor(() => expect(document.activeElement?.textContent).toBe('Cancel'))
    expect(confirm().disabled).toBe(true)
    await userEvent.type(screen.getByLabelText('Type the name to confirm'), 'Carrier rate sync')
    await userEvent.click(confirm())
    await waitFor(() => expect(onClose).toHaveBeenCalledOnce())
    expect(sent.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
  })

  it('wants no name where nobody would notice', async () => {
    answering({})
    renderInKeys(<DeleteDialog placed={{ ...exampleKey, environment: 'development', last_used_at: null }} onClose={vi.fn()} />)
    expect((await screen.findByRole<HTMLButtonElement>('button', { name: 'Delete key' })).disabled).toBe(false)
  })

  it('stays open and says why when it fails', async () => {
    answering({ [at]: [{ status: 503, body: { code: 'unavailable', detail: 'The API did not answer.' } }] })
    const onClose = vi.fn()
    renderInKeys(<DeleteDialog placed={exampleKey} onClose={onClose} />)
    await userEvent.type(await screen.findByLabelText('Type the name to confirm'), 'Carrier rate sync')
    await userEvent.click(confirm())
    expect(await screen.findByText('The API did not answer.')).toBeTruthy()
    expect(onClose).not.toHaveBeenCalled()
  })
})
