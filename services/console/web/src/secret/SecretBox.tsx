import { Download } from 'lucide-react'
import { useRef } from 'react'
import { Button } from '@/kit/Button'
import { Copy } from '@/kit/Copy'
import { KeyText } from '@/kit/KeyText'
import { downloadText, selectContents } from '@/lib/clipboard'
import { t } from '@/strings'

interface Props {
  secret: string
  /** Names the file. */
  name: string
  isSaved: boolean
  /** Copying and downloading count as saving. */
  onSaved: () => void
}

/** A secret in its highlighted box. Copy is the only primary until it is saved. */
export function SecretBox({ secret, name, isSaved, onSaved }: Props) {
  const text = useRef<HTMLDivElement>(null)
  const file = `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') || 'key'}.env`
  return (
    <div className="rounded-panel border border-accent-line bg-accent-soft p-4">
      <div ref={text} data-secret="" className="text-16 break-all">
        <KeyText text={secret} />
      </div>
      <div className="mt-3 flex flex-wrap gap-2">
        <Copy
          text={secret}
          wording={t.common.copy}
          kind={isSaved ? 'secondary' : 'primary'}
          onCopied={onSaved}
          onRefused={() => text.current && selectContents(text.current)}
        />
        <Button
          icon={<Download aria-hidden />}
          onClick={() => {
            downloadText(file, `CLAVIGER_KEY=${secret}\n`, 'text/plain')
            onSaved()
          }}
        >
          {t.keys.secret.download}
        </Button>
      </div>
    </div>
  )
}
