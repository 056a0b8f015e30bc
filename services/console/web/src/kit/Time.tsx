import { clsx } from 'clsx'
import { briefDate, dateTimeOf, dateTimeSecondsOf, relative, utcOf } from '@/lib/time'
import { useAt } from '@/lib/useNow'
import { t } from '@/strings'
import { Tooltip } from './Tooltip'

interface Props {
  /** An instant as the API writes it. */
  at: string | null | undefined
  /** `relative` in lists, `absolute` in logs and facts, `brief` below a relative one. */
  form?: 'relative' | 'absolute' | 'brief'
  /** What stands for no time. */
  none?: string
  /** More lines of the tooltip: address, agent. */
  more?: (string | null | undefined)[]
  className?: string
}

/** An instant, with local time and UTC in its tooltip. */
export function Time({ at, form = 'relative', none = t.common.never, more = [], className }: Props) {
  const instant = new Date(at ?? 0)
  const text = useAt((now) => ({ relative: () => relative(instant, now), absolute: () => dateTimeOf(instant), brief: () => briefDate(instant, now) })[form]())
  if (!at) return <span className="text-muted">{none}</span>
  const content = (
    <>
      <div>{dateTimeSecondsOf(instant)}</div>
      <div className="text-on-inverse-muted">{utcOf(instant)}</div>
      {more.filter(Boolean).map((line) => (
        <div key={line} className="text-on-inverse-muted">
          {line}
        </div>
      ))}
    </>
  )
  return (
    <Tooltip content={content}>
      <time dateTime={at} tabIndex={form === 'relative' ? 0 : undefined} className={clsx('rounded-badge', className)}>
        {text}
      </time>
    </Tooltip>
  )
}
