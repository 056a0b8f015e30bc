import { describe, expect, it } from 'vitest'
import { holdsSecret, publicPartOf } from './secrets'

const key = 'clv_prod_9fK2mQ7xT4bZs1Lw_hV3nR8cYpJ2dXk6TqGz5EuBw7AfMs0Hi1Qr9f3'

describe('a pasted secret', () => {
  it('is known alone and inside other text', () => {
    expect(holdsSecret(key)).toBe(true)
    expect(holdsSecret(`CLAVIGER_KEY=${key}\n`)).toBe(true)
  })

  it('gives its public part and nothing of the rest', () => {
    expect(publicPartOf(` ${key} `)).toBe('clv_prod_9fK2mQ7xT4bZs1Lw')
    expect(publicPartOf(key.replace('clv_prod', 'clvroot_dev'))).toBe('clvroot_dev_9fK2mQ7xT4bZs1Lw')
  })

  it.each(['Main Website', 'clv_prod_9fK2mQ7xT4bZs1Lw', 'clv_prod_9fK2…_…9f3c', 'key_01JD4R8Q2M', ''])('is not seen in %s', (text) => {
    expect(publicPartOf(text)).toBeNull()
  })
})
