import type { Errors } from '@/lib/useForm'
import { account as accountTexts } from '@/strings/account'

const words = accountTexts.security.errors

export interface PasswordValues {
  current: string
  next: string
}

export function checkPassword({ current, next }: PasswordValues): Errors {
  const errors: Errors = {}
  if (current === '') errors.current = words.current
  if ([...next].length < 12) errors.next = words.next
  else if (next === current) errors.next = words.same
  return errors
}

/** A rough hint while one types; the server has the breach list and decides. */
export function strengthOf(password: string): 'weak' | 'fair' | 'strong' {
  const length = [...password].length
  const different = new Set(password).size
  if (length < 12 || different < 6) return 'weak'
  return length >= 18 && different >= 10 ? 'strong' : 'fair'
}
