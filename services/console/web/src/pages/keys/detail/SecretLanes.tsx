import type { ReactNode } from 'react'
import type { Secret } from '@/client/types.gen'
import { briefDate } from '@/lib/time'
import { useNow } from '@/lib/useNow'
import { t } from '@/strings'

const words = t.keys.detail

/** One lane per secret on one time axis: the previous one hatched while it still works, a line for now. */
export function SecretLanes({ secrets }: { secrets: Secret[] }) {
  const now = useNow()
  const [current, ...previous] = secrets
  if (!current) return null
  const made = new Date(current.created_at).getTime()
  const ends = previous.map(({ retires_at }) => (retires_at ? new Date(retires_at).getTime() : now.getTime()))
  const last = Math.max(now.getTime(), ...ends)
  // The axis shows the overlap with as much room on both sides.
  const span = Math.max(last - made, 60_000)
  const start = made - span * 0.4
  const end = last + span * 0.4
  const at = (instant: number) => ((instant - start) / (end - start)) * 100
  const x = (instant: number) => `${Math.min(100, Math.max(0, at(instant))).toFixed(2)}%`
  const width = (from: number, to: number) => `${Math.max(0, at(to) - Math.max(0, at(from))).toFixed(2)}%`
  return (
    <div className="mb-4 grid grid-cols-[5rem_1fr] items-center gap-x-3 gap-y-2 text-12" aria-hidden>
      <span />
      <span className="relative h-4">
        <span className="absolute -translate-x-1/2 font-medium text-accent" style={{ left: x(now.getTime()) }}>
          {words.now}
        </span>
      </span>
      {previous.map((secret, index) => (
        <Lane key={secret.id} label={words.previous} now={x(now.getTime())}>
          <span className="absolute inset-y-0 left-0 bg-viz-allowed" style={{ width: x(now.getTime()) }} />
          <span className="part-hatched absolute inset-y-0" style={{ left: x(now.getTime()), width: width(now.getTime(), ends[index]!) }} />
        </Lane>
      ))}
      <Lane label={words.current} now={x(now.getTime())}>
        <span className="absolute inset-y-0 right-0 bg-ink" style={{ left: x(made) }} />
      </Lane>
      <span />
      <span className="relative h-4 border-t border-line text-muted">
        <span className="absolute top-1 -translate-x-1/2" style={{ left: x(made) }}>
          {briefDate(new Date(made), now)}
        </span>
        {ends[0] !== undefined && (
          <span className="absolute top-1 -translate-x-1/2" style={{ left: x(ends[0]) }}>
            {briefDate(new Date(ends[0]), now)}
          </span>
        )}
      </span>
    </div>
  )
}

const Lane = ({ label, now, children }: { label: string; now: string; children: ReactNode }) => (
  <>
    <span>{label}</span>
    <span className="relative h-3.5">
      {children}
      <span className="absolute -inset-y-1 w-px bg-accent" style={{ left: now }} />
    </span>
  </>
)
