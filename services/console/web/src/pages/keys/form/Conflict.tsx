import { Button } from '@/kit/Button'
import { Note } from '@/kit/Note'
import { t } from '@/strings'
import type { KeyValues } from './values'
import { fieldLabels } from './useSaveKey'

interface Props {
  /** As the form was opened. */
  before: KeyValues
  mine: KeyValues
  theirs: KeyValues
  onTake: () => void
}

const words = t.keyForm.conflict
const text = (value: unknown) => (Array.isArray(value) || typeof value === 'object' ? JSON.stringify(value) : String(value))
const differs = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other)

/** What somebody else changed while the form was open, field by field, beside what was typed here. */
export function Conflict({ before, mine, theirs, onTake }: Props) {
  const names = (Object.keys(fieldLabels) as (keyof KeyValues)[]).filter((name) => differs(before[name], theirs[name]))
  return (
    <Note kind="caution" className="mb-4" live action={<Button onClick={onTake}>{words.take}</Button>}>
      <b className="font-semibold">{words.title}</b> {words.text}
      <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-12">
        {names.map((name) => (
          <div key={name} className="contents">
            <dt className="font-medium">{fieldLabels[name]}</dt>
            <dd className="min-w-0 break-words">
              <span className="text-muted">{words.theirs}:</span> {text(theirs[name])}
              {differs(before[name], mine[name]) && (
                <>
                  <br />
                  <span className="text-muted">{words.mine}:</span> {text(mine[name])}
                </>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </Note>
  )
}
