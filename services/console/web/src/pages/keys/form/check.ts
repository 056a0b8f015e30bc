import { fromLocalField } from '@/lib/time'
import type { Errors } from '@/lib/useForm'
import { t } from '@/strings'
import { parseIps } from './ips'
import { parseObject, type KeyValues } from './values'

const words = t.keyForm
const isWhole = (text: string, least: number) => /^\d{1,13}$/.test(text.trim()) && Number(text) >= least

/** What can be known to be wrong before the server is asked. The server stays the authority. */
export function checkKey(values: KeyValues, now: Date, before?: KeyValues): Errors {
  const errors: Errors = {}
  const name = values.name.trim()
  if (name === '') errors.name = words.nameRequired
  else if ([...name].length > 100) errors.name = words.nameLength
  if (!values.environment) errors.environment = words.environmentRequired
  checkAddresses(values, errors)
  checkTimes(values, now, errors, before)
  if (values.limitsMode === 'own') checkLimits(values, errors)
  if (values.credits !== '' && !isWhole(values.credits, 0)) errors.credits = words.creditsWrong
  if (values.credits !== '' && values.refill !== 'none' && !isWhole(values.refillTo, 1)) errors.refillTo = words.refillWrong
  if (values.secret !== '' && !/^[0-9A-Za-z]{32,}$/.test(values.secret)) errors.secret = words.secretWrong
  if (parseObject(values.metadata) === undefined) errors.metadata = words.metadataWrong
  return errors
}

function checkAddresses({ allIps, ips }: KeyValues, errors: Errors) {
  if (allIps) return
  const lines = parseIps(ips)
  const wrong = lines.find(({ error }) => error)
  if (wrong?.error) errors.ips = wrong.error
  else if (lines.length === 0) errors.ips = words.ipsRequired
}

function checkTimes(values: KeyValues, now: Date, errors: Errors, before: KeyValues | undefined) {
  const end = values.neverExpire ? null : fromLocalField(values.expires)
  const start = fromLocalField(values.notBefore)
  // An end in the past that the key has already is no mistake of this edit.
  const isKept = before !== undefined && before.expires === values.expires && !before.neverExpire
  if (!values.neverExpire && !end) errors.expires = words.expiresRequired
  else if (end && end.getTime() <= now.getTime() && !isKept) errors.expires = words.expiresPast
  if (start && end && start.getTime() >= end.getTime()) errors.notBefore = words.notBeforeAfter
}

export function checkLimits({ limits }: Pick<KeyValues, 'limits'>, errors: Errors) {
  for (const [index, row] of limits.entries()) {
    if (!/^[a-z][a-z0-9_-]{0,39}$/.test(row.name.trim())) errors[`limits.${index}.name`] = words.limitNameWrong
    else if (limits.findIndex(({ name }) => name.trim() === row.name.trim()) < index) errors[`limits.${index}.name`] = words.limitNameTwice
    if (!isWhole(row.limit, 1)) errors[`limits.${index}.limit`] = words.limitCountWrong
  }
}
