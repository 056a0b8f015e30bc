import { Check, Copy as Icon } from 'lucide-react'
import { useEffect, useState } from 'react'
import { copyText } from '@/lib/clipboard'
import { t } from '@/strings'
import { Button, type ButtonKind, type ButtonSize } from './Button'
import { IconButton } from './IconButton'

interface Props {
  text: string | (() => string)
  /** What is copied, for its name: "Copy key id". */
  label?: string
  /** With a word on it; without, an icon. */
  wording?: string
  kind?: ButtonKind
  size?: ButtonSize
  onCopied?: () => void
  onRefused?: () => void
}

/** Copies a text and says so for two seconds, politely for screen readers too. */
export function Copy({ text, label = t.common.copy, wording, kind = 'ghost', size, onCopied, onRefused }: Props) {
  const [state, setState] = useState<'rest' | 'copied' | 'refused'>('rest')
  useEffect(() => {
    if (state === 'rest') return
    const timer = setTimeout(() => setState('rest'), 2000)
    return () => clearTimeout(timer)
  }, [state])

  const copy = async () => {
    const done = await copyText(typeof text === 'function' ? text() : text)
    setState(done ? 'copied' : 'refused')
    if (done) onCopied?.()
    else onRefused?.()
  }
  const icon = state === 'copied' ? <Check aria-hidden /> : <Icon aria-hidden />
  const said = state === 'copied' ? t.common.copied : state === 'refused' ? t.common.copyRefused : ''
  return (
    <>
      {wording ? (
        <Button kind={kind} size={size} icon={icon} onClick={copy}>
          {state === 'copied' ? t.common.copied : wording}
        </Button>
      ) : (
        <IconButton label={said || label} size="row" onClick={copy}>
          {state === 'copied' ? <Check aria-hidden className="size-3.5" /> : <Icon aria-hidden className="size-3.5" />}
        </IconButton>
      )}
      <span role="status" className="sr-only">
        {said}
      </span>
    </>
  )
}
