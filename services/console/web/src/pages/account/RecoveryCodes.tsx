import { useState } from 'react'
import { Button } from '@/kit/Button'
import { Checkbox } from '@/kit/Checkbox'
import { Copy } from '@/kit/Copy'
import { Dialog } from '@/kit/Dialog'
import { Note } from '@/kit/Note'
import { downloadText } from '@/lib/clipboard'
import { useUnsaved } from '@/lib/useUnsaved'
import { t } from '@/strings'
import { account as accountTexts } from '@/strings/account'

const words = accountTexts.security

/** Ten codes, shown once. Closing them unsaved asks first, whichever way it is closed. */
export function RecoveryCodes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const [isSaved, setSaved] = useState(false)
  const [isAsking, setAsking] = useState(false)
  useUnsaved(!isSaved)
  const close = () => (isSaved ? onClose() : setAsking(true))
  const text = codes.join('\n')
  return (
    <Dialog
      open
      holds
      onClose={close}
      title={words.codesTitle}
      subtitle={words.codesText}
      foot={
        isAsking ? (
          <Note
            kind="caution"
            live
            className="w-full"
            action={
              <span className="flex gap-2">
                <Button size="row" onClick={onClose}>
                  {words.closeAnyway}
                </Button>
                <Button size="row" kind="primary" onClick={() => setAsking(false)}>
                  {words.goBack}
                </Button>
              </span>
            }
          >
            {words.unsaved}
          </Note>
        ) : (
          <Button kind={isSaved ? 'primary' : 'secondary'} onClick={close}>
            {words.ok}
          </Button>
        )
      }
    >
      <div className="rounded-panel border border-accent-line bg-accent-soft p-4">
        <ul data-print="" className="grid grid-cols-2 gap-x-6 gap-y-1 font-mono text-13">
          {codes.map((code) => (
            <li key={code}>{code}</li>
          ))}
        </ul>
        <div className="mt-4 flex flex-wrap gap-2">
          <Copy text={text} wording={t.common.copy} kind={isSaved ? 'secondary' : 'primary'} onCopied={() => setSaved(true)} />
          <Button
            onClick={() => {
              downloadText('claviger-recovery-codes.txt', `${text}\n`, 'text/plain')
              setSaved(true)
            }}
          >
            {words.download}
          </Button>
          <Button onClick={() => print()}>{words.print}</Button>
        </div>
      </div>
      <Checkbox className="mt-3" checked={isSaved} onChange={setSaved} label={words.saved} />
    </Dialog>
  )
}
