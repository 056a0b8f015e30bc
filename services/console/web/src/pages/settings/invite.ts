import type { Roles } from '@/control/types'
import type { Errors } from '@/lib/useForm'
import { settings as settingsTexts } from '@/strings/settings'

const words = settingsTexts.invite.errors

export interface InviteValues {
  emails: string
  roles: Roles
}

/** The addresses in a text, in their order, each once. */
export const emailsOf = (text: string) => [...new Set(text.split(/[\s,;]+/).filter((part) => part !== ''))]

export function checkInvite({ emails, roles }: InviteValues): Errors {
  const errors: Errors = {}
  const found = emailsOf(emails)
  const wrong = found.find((email) => !/^[^@\s]+@[^@\s]+\.[^@\s.]+$/.test(email))
  if (found.length === 0) errors.emails = words.none
  else if (wrong !== undefined) errors.emails = words.invalid(wrong)
  else if (found.length > 50) errors.emails = words.many
  if (!Object.values(roles).some(Boolean)) errors.roles = words.roles
  return errors
}
