import type { Call } from '@/lib/http'
import type { FilterField } from '@/kit/FilterBar'
import { days } from '@/lib/time'
import { t } from '@/strings'

/** The filters of the list as the address has them. */
export interface KeyFilters {
  q?: string
  status?: string
  permission?: string
  customer?: string
  domain?: string
  created_by?: string
  tag?: string
  /** Days from now. */
  expires?: string
  /** Days back: not used since, or never. */
  used?: string
  sort?: string
}

export const defaultSort = '-created_at'

const dayCount = (text: string | undefined) => {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 && number <= 3650 ? number : null
}

/** As the API takes them. Only what the API knows is sent, whatever the address says. */
export function filterQuery(filters: KeyFilters, now: Date): NonNullable<Call['query']> {
  const expires = dayCount(filters.expires)
  const used = dayCount(filters.used)
  return {
    text: filters.q,
    status: filters.status && filters.status in t.keys.status ? filters.status : undefined,
    permission: filters.permission,
    customer: filters.customer,
    domain: filters.domain,
    created_by: filters.created_by,
    tag: filters.tag,
    expires_before: expires ? new Date(now.getTime() + days(expires)).toISOString() : undefined,
    unused_since: used ? new Date(now.getTime() - days(used)).toISOString() : undefined,
    sort: sortOf(filters),
  }
}

const sorts = ['created_at', 'name', 'last_used_at', 'expires_at']
export const sortOf = ({ sort }: KeyFilters) => (sort && sorts.includes(sort.replace('-', '')) ? sort : defaultSort)

export const isFiltered = (filters: KeyFilters) =>
  Object.entries(filters).some(([name, value]) => name !== 'sort' && value !== undefined && value !== '')

const words = t.keys.filters
const statuses = ['active', 'inactive', 'expired', 'scheduled'] as const

/** What the filter bar offers. */
export const filterFields = (kind: 'organization' | 'root', permissions: { value: string; label: string }[]): FilterField[] => [
  { name: 'status', label: words.status, options: statuses.map((value) => ({ value, label: t.keys.status[value] })) },
  { name: 'permission', label: words.permission, ...(permissions.length > 0 ? { options: permissions } : {}) },
  ...(kind === 'organization'
    ? [
        { name: 'customer', label: words.customer, placeholder: words.customerHint },
        { name: 'domain', label: words.domain },
      ]
    : []),
  { name: 'created_by', label: words.createdBy, placeholder: words.createdByHint },
  { name: 'tag', label: words.tag },
  { name: 'expires', label: words.expires, options: words.expiresOptions },
  { name: 'used', label: words.used, options: words.usedOptions },
]
