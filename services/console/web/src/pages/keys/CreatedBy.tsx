import { Bot, KeyRound, UserRound } from 'lucide-react'

/** Who made something: a person, a key, or the installation itself. */
export function CreatedBy({ id }: { id: string }) {
  const isPerson = /^(mem|usr)_/.test(id)
  const Icon = isPerson ? UserRound : id.startsWith('system:') ? Bot : KeyRound
  return (
    <span className="inline-flex items-center gap-1.5">
      <Icon aria-hidden className="size-3.5 text-muted" />
      <span className={isPerson || id.includes('_') ? 'font-mono text-12' : undefined}>{id.replace(/^system:/, '')}</span>
    </span>
  )
}
