import { clsx } from 'clsx'

interface Props {
  before: unknown
  after: unknown
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

/** The members that differ: `[name, before, after]`, absent ones as `undefined`. */
export function differences(before: unknown, after: unknown): [string, unknown, unknown][] {
  const one = isRecord(before) ? before : {}
  const other = isRecord(after) ? after : {}
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]))
    .map((name) => [name, one[name], other[name]])
}

/** What a change did, member by member; each line carries a sign as well as a colour. */
export function DiffView({ before, after }: Props) {
  const changes = differences(before, after)
  if (changes.length === 0) return null
  return (
    <div className="self-start overflow-x-auto rounded-control border border-line bg-bg py-1 font-mono text-12 leading-5">
      {changes.map(([name, was, is]) => (
        <div key={name}>
          {was !== undefined && <Line sign="-" text={`${name}: ${text(was)}`} />}
          {is !== undefined && <Line sign="+" text={`${name}: ${text(is)}`} />}
        </div>
      ))}
    </div>
  )
}

const Line = ({ sign, text: content }: { sign: '+' | '-'; text: string }) => (
  <div className={clsx('px-3 break-all whitespace-pre-wrap', sign === '+' ? 'bg-active-soft' : 'bg-danger-soft')}>
    <span className="inline-block w-4 select-none">{sign}</span>
    {content}
  </div>
)
