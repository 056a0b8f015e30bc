import type { Limit } from '@/client/types.gen'
import type { Policy, Rate } from '@/control/types'
import type { Errors } from '@/lib/useForm'
import { settings as settingsTexts } from '@/strings/settings'

const words = settingsTexts.environments.errors
const day = 86_400
const secretBytesDefault = 32

/** A policy as its form holds it. Of several limits only the first is offered: the others stay as the API has them. */
export interface PolicyValues {
  default_limit: string
  default_window: string
  max_limit: string
  max_window: string
  default_days: string
  max_days: string
  must_expire: boolean
  ips_required: boolean
  allow_supplied_secrets: boolean
  prefix: string
  secret_bytes: string
}

const daysOf = (seconds: number | null) => (seconds === null ? '' : String(Math.max(1, Math.round(seconds / day))))

export const policyValues = (policy: Policy): PolicyValues => ({
  default_limit: String(policy.default_limits[0]?.limit ?? ''),
  default_window: String(policy.default_limits[0]?.window_ms ?? 60_000),
  max_limit: String(policy.limits_max[0]?.limit ?? ''),
  max_window: String(policy.limits_max[0]?.window_ms ?? 60_000),
  default_days: daysOf(policy.default_lifetime_seconds),
  max_days: daysOf(policy.lifetime_seconds_max),
  must_expire: policy.must_expire,
  ips_required: policy.ips_required,
  allow_supplied_secrets: policy.allow_supplied_secrets,
  prefix: policy.prefix ?? '',
  secret_bytes: String(policy.secret_bytes ?? secretBytesDefault),
})

const isWhole = (text: string, from: number, to: number) => /^\d+$/.test(text.trim()) && Number(text) >= from && Number(text) <= to
const isEmpty = (text: string) => text.trim() === ''

export function checkPolicy(values: PolicyValues): Errors {
  const errors: Errors = {}
  for (const name of ['default_limit', 'max_limit'] as const)
    if (!isEmpty(values[name]) && !isWhole(values[name], 1, 1_000_000_000)) errors[name] = words.number
  for (const name of ['default_days', 'max_days'] as const)
    if (!isEmpty(values[name]) && !isWhole(values[name], 1, 3650)) errors[name] = words.days
  if (!isEmpty(values.prefix) && !/^[a-z][a-z0-9]{1,15}$/.test(values.prefix.trim())) errors.prefix = words.prefix
  if (!isWhole(values.secret_bytes, 32, 128)) errors.secret_bytes = words.secretBytes
  return errors
}

const seconds = (days: string) => Number(days) * day

/** What changed, as a change of the policy; members that were not touched are left out, so that they stay exactly as they are. */
export function policyChange(before: PolicyValues, values: PolicyValues, policy: Policy): Record<string, unknown> {
  const change: Record<string, unknown> = {}
  const isChanged = (...names: (keyof PolicyValues)[]) => names.some((name) => before[name] !== values[name])
  if (isChanged('default_limit', 'default_window')) {
    const first: Limit = { ...(policy.default_limits[0] ?? { name: 'requests', auto: true }), limit: Number(values.default_limit), window_ms: Number(values.default_window) }
    const rest = policy.default_limits.slice(1)
    change.default_limits = isEmpty(values.default_limit) ? rest : [first, ...rest]
  }
  if (isChanged('max_limit', 'max_window')) {
    const rest = policy.limits_max.slice(1)
    const rates: Rate[] = isEmpty(values.max_limit) ? rest : [{ limit: Number(values.max_limit), window_ms: Number(values.max_window) }, ...rest]
    change.limits_max = rates.length === 0 ? 'none' : rates
  }
  if (isChanged('default_days')) change.default_lifetime_seconds = isEmpty(values.default_days) ? 'none' : seconds(values.default_days)
  if (isChanged('max_days')) change.lifetime_seconds_max = isEmpty(values.max_days) ? 'unlimited' : seconds(values.max_days)
  for (const name of ['must_expire', 'ips_required', 'allow_supplied_secrets'] as const) if (isChanged(name)) change[name] = values[name]
  if (isChanged('prefix')) change.prefix = isEmpty(values.prefix) ? 'none' : values.prefix.trim()
  if (isChanged('secret_bytes')) change.secret_bytes = Number(values.secret_bytes)
  return change
}
