import type { Security } from '@/control/types'
import type { Errors } from '@/lib/useForm'
import { settings as settingsTexts } from '@/strings/settings'

const words = settingsTexts.security

/** The policy as its form holds it: numbers and lists as they are typed. */
export interface SecurityValues {
  second_factor_required: boolean
  session_hours: string
  all_networks: boolean
  networks: string
  device_approvals: boolean
  password_max_days: string
  step_up_for_regenerate: boolean
}

export const securityValues = (security: Security): SecurityValues => ({
  second_factor_required: security.second_factor_required,
  session_hours: security.session_hours === null ? '' : String(security.session_hours),
  all_networks: security.networks === 'all',
  networks: security.networks === 'all' ? '' : security.networks.join('\n'),
  device_approvals: security.device_approvals,
  password_max_days: security.password_max_days === null ? '' : String(security.password_max_days),
  step_up_for_regenerate: security.step_up_for_regenerate,
})

/** The lines that name something; what follows `#` is a note. */
export const networkLines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')

export const securityBody = (values: SecurityValues): Security => ({
  second_factor_required: values.second_factor_required,
  session_hours: values.session_hours.trim() === '' ? null : Number(values.session_hours),
  networks: values.all_networks ? 'all' : networkLines(values.networks),
  device_approvals: values.device_approvals,
  password_max_days: values.password_max_days.trim() === '' ? null : Number(values.password_max_days),
  step_up_for_regenerate: values.step_up_for_regenerate,
})

const isWhole = (text: string, from: number, to: number) => /^\d+$/.test(text.trim()) && Number(text) >= from && Number(text) <= to
/** Whether a text can be an address or a network; which it is, is for the server to say. */
const looksLikeNetwork = (text: string) => /^[0-9a-fA-F:.]+(\/\d{1,3})?$/.test(text) && /[.:]/.test(text)

export function checkSecurity(values: SecurityValues): Errors {
  const errors: Errors = {}
  if (values.session_hours.trim() !== '' && !isWhole(values.session_hours, 1, 720)) errors.session_hours = words.errors.hours
  if (values.password_max_days.trim() !== '' && !isWhole(values.password_max_days, 1, 3650)) errors.password_max_days = words.errors.days
  if (!values.all_networks) {
    if (networkLines(values.networks).length === 0) errors.networks = words.errors.networks
    const wrong = values.networks.split('\n').findIndex((line) => {
      const text = line.replace(/#.*/, '').trim()
      return text !== '' && !looksLikeNetwork(text)
    })
    if (wrong >= 0) errors.networks = words.errors.network(wrong + 1)
  }
  return errors
}
