import { describe, expect, it } from 'vitest'
import { isOpen, parseIps } from './ips'

const values = (text: string) => parseIps(text).map(({ value }) => value)

describe('an allowlist', () => {
  it('takes addresses and networks of both kinds, and comments', () => {
    const text = '203.0.113.0/24\n2001:db8:4f::/48\n\n# office\n198.51.100.7 # Rotterdam\n::1'
    expect(values(text)).toEqual(['203.0.113.0/24', '2001:db8:4f::/48', '198.51.100.7', '::1'])
  })

  it.each([
    ['198.51.100.300', '300 is not a number from 0 to 255.'],
    ['198.51.100', '198.51.100 is not an address.'],
    ['10.0.0.0/33', '/33 is not a prefix from 0 to 32.'],
    ['10.0.0.0/', '/ is not a prefix from 0 to 32.'],
    ['2001:db8::1::2', '2001:db8::1::2 is not an IPv6 address.'],
    ['2001:db8', '2001:db8 is not an IPv6 address.'],
    ['::/129', '/129 is not a prefix from 0 to 128.'],
    ['portal.example', 'portal.example is not an address.'],
    ['10.0.0.0/8/8', '10.0.0.0/8/8 has two slashes.'],
  ])('refuses %s with its line', (text, what) => {
    expect(parseIps(`10.0.0.1\n${text}`).at(-1)).toEqual({ line: 2, error: `Line 2: ${what}` })
  })

  it('keeps a network without the bits beyond its prefix, and says so', () => {
    expect(parseIps('10.0.0.5/8')).toEqual([{ line: 1, value: '10.0.0.0/8', notice: 'Line 1: 10.0.0.5/8 is kept as 10.0.0.0/8.' }])
    expect(values('2001:db8:1:2:3:4:5:6/32')).toEqual(['2001:db8::/32'])
    expect(values('::1/64')).toEqual(['::/64'])
    expect(values('1:0:0:2::3/112')).toEqual(['1:0:0:2::/112'])
  })

  it('is told when it restricts nothing', () => {
    expect(isOpen(parseIps('0.0.0.0/0'))).toBe(true)
    expect(isOpen(parseIps('::/0'))).toBe(true)
    expect(isOpen(parseIps('10.0.0.0/8'))).toBe(false)
  })
})
