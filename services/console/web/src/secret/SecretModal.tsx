import { useState } from 'react'
import { Button } from '@/kit/Button'
import { Checkbox } from '@/kit/Checkbox'
import { Dialog } from '@/kit/Dialog'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Note } from '@/kit/Note'
import { useHeld } from '@/lib/useHeld'
import { useUnsaved } from '@/lib/useUnsaved'
import { t } from '@/strings'
import { SecretBox } from './SecretBox'
import { shownSecret, type ShownSecret } from './shown'
import { SecretSnippets } from './SecretSnippets'

/** Shows a new secret this once. It closes by OK after it was saved, or after a second question. */
export function SecretModal() {
  const shown = useHeld(shownSecret)
  // A new secret is a new dialog: nothing of the last one stays.
  return shown ? <Shown key={shown.secret} shown={shown} /> : null
}

function Shown({ shown }: { shown: ShownSecret }) {
  const [isSaved, setSaved] = useState(false)
  const [isAsking, setAsking] = useState(false)
  useUnsaved(!isSaved, true)
  const end = () => {
    shownSecret.set(null)
    shown.onClosed?.()
  }
  const words = t.keys.secret
  return (
    <Dialog
      open
      holds
      width={724}
      onClose={() => (isSaved ? end() : setAsking(true))}
      title={
        <>
          {shown.name} <EnvironmentBadge environment={shown.environment} />
        </>
      }
      subtitle={`${words[shown.made]} ${words.once}`}
      foot={
        isAsking && !isSaved ? (
          <Note
            kind="caution"
            live
            className="flex-1"
            action={
              <span className="flex gap-2">
                <Button onClick={end}>{words.closeAnyway}</Button>
                <Button kind="primary" onClick={() => setAsking(false)}>
                  {words.goBack}
                </Button>
              </span>
            }
          >
            {words.closeUnsaved}
          </Note>
        ) : (
          <Button kind={isSaved ? 'primary' : 'secondary'} className="min-w-18" onClick={() => (isSaved ? end() : setAsking(true))}>
            {words.ok}
          </Button>
        )
      }
    >
      <SecretBox secret={shown.secret} name={shown.name} isSaved={isSaved} onSaved={() => setSaved(true)} />
      <div className="mt-4">
        <SecretSnippets secret={shown.secret} url={shown.url} onCopied={() => setSaved(true)} />
      </div>
      <Checkbox className="mt-4" checked={isSaved} onChange={setSaved} label={words.saved} />
    </Dialog>
  )
}
