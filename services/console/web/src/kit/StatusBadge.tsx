import { Ban, CircleAlert, CircleCheck, CircleDashed, CircleX, Clock, RotateCw, Trash2 } from 'lucide-react'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { Ring } from './Ring'

const dot = (fill: string) => (
  <svg viewBox="0 0 16 16" aria-hidden="true" className="lucide">
    <circle cx="8" cy="8" r="4" className={fill} strokeWidth="1.5" />
  </svg>
)

/** Each status: a round icon in colour, and the word in ink; in muted when it is at rest, in full colour when it is trouble. */
const looks = {
  active: { icon: dot('fill-active'), word: 'text-ink' },
  inactive: { icon: dot('fill-none stroke-current'), word: 'text-muted' },
  expired: { icon: <Clock aria-hidden />, word: 'text-muted' },
  scheduled: { icon: <CircleDashed aria-hidden />, word: 'text-muted' },
  pending: { icon: <CircleDashed aria-hidden />, word: 'text-muted' },
  running: { icon: <Ring className="text-accent" />, word: 'text-ink' },
  succeeded: { icon: <CircleCheck aria-hidden className="text-active" />, word: 'text-ink' },
  failed: { icon: <CircleX aria-hidden />, word: 'text-danger' },
  caution: { icon: <CircleAlert aria-hidden />, word: 'text-soon' },
  retrying: { icon: <RotateCw aria-hidden />, word: 'text-soon' },
  suspended: { icon: <Ban aria-hidden />, word: 'text-danger' },
  deleted: { icon: <Trash2 aria-hidden />, word: 'text-muted' },
} satisfies Record<string, { icon: ReactNode; word: string }>

export type StatusLook = keyof typeof looks

interface Props {
  look: StatusLook
  children: ReactNode
  /** What follows from it, below in 12 px. */
  marks?: { text: ReactNode; tone?: 'muted' | 'soon' | 'danger' }[]
  className?: string
}

export function StatusBadge({ look, children, marks = [], className }: Props) {
  return (
    <span className={clsx('inline-flex flex-col items-start align-middle', className)}>
      <span className={clsx('inline-flex items-center gap-1.5', looks[look].word)}>
        {looks[look].icon}
        {children}
      </span>
      {marks.map(({ text, tone = 'muted' }, index) => (
        <span key={index} className={clsx('pl-5.5 text-12', { muted: 'text-muted', soon: 'text-soon', danger: 'text-danger' }[tone])}>
          {text}
        </span>
      ))}
    </span>
  )
}
