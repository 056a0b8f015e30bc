import { act, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { renderInKeys } from '@/test/render'
import { showSecret, shownSecret } from './shown'

const secret = 'clv_prod_Hc6pW2vNq8RtY4Ks_hV3nR8cYpJ2dXk6TqGz5EuBw7AfMs0Hi1Qr9f3'
const isOpen = () => shownSecret.get() !== null

beforeEach(() => {
  renderInKeys(null)
  act(() => showSecret({ name: 'Portal', environment: 'production', secret, made: 'created', url: 'https://api.example' }))
})

describe('the dialog of a new secret', () => {
  it('does not close by Esc, and asks on the cross', async () => {
    await screen.findByRole('dialog')
    await userEvent.keyboard('{Escape}')
    expect(isOpen()).toBe(true)
    await userEvent.click(screen.getByRole('button', { name: 'Close' }))
    expect(await screen.findByText(/You will have to regenerate/)).toBeTruthy()
    expect(isOpen()).toBe(true)
    await userEvent.click(screen.getByRole('button', { name: 'Close anyway' }))
    expect(isOpen()).toBe(false)
  })

  it('takes copying for saving', async () => {
    const write = vi.fn(async () => undefined)
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: write }, configurable: true })
    const box = await screen.findByRole('dialog')
    await userEvent.click(screen.getAllByRole('button', { name: 'Copy' })[0]!)
    expect(box.textContent).toContain(secret)
    await userEvent.click(screen.getByRole('button', { name: 'OK' }))
    expect(isOpen()).toBe(false)
  })

  it('selects the text when the browser refuses to copy', async () => {
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: async () => Promise.reject(new Error('refused')) }, configurable: true })
    await screen.findByRole('dialog')
    await userEvent.click(screen.getAllByRole('button', { name: 'Copy' })[0]!)
    expect(getSelection()?.toString()).toBe(secret)
    await userEvent.click(screen.getByRole('button', { name: 'OK' }))
    expect(isOpen()).toBe(true)
  })
})
