import { clsx } from 'clsx'
import type { Environment } from '@/lib/environments'
import { environmentTag } from '@/lib/environments'
import { environmentLook } from './EnvironmentBadge'

interface Props {
  /** A key's text or its hint: `clv_prod_9fK2…_…9f3c`. */
  text: string
  className?: string
}

const tags = Object.fromEntries(Object.entries(environmentTag).map(([name, tag]) => [tag, name as Environment]))

/** A key's text, with the tag of its environment in that environment's colour and the fixed part muted. */
export function KeyText({ text, className }: Props) {
  const match = /^([A-Za-z0-9]+_)(prod|stag|dev)(_.*)$/s.exec(text)
  if (!match) return <span className={clsx('font-mono', className)}>{text}</span>
  const [, prefix, tag = '', rest] = match
  const environment = tags[tag]!
  return (
    <span className={clsx('font-mono', className)}>
      <span className="text-muted">{prefix}</span>
      <span className={clsx('font-semibold', environmentLook[environment].text)}>{tag}</span>
      {rest}
    </span>
  )
}
