import { useState } from 'react'
import { CodeBlock } from '@/kit/CodeBlock'
import { Copy } from '@/kit/Copy'
import { PanelTabs } from '@/kit/PanelTabs'
import { snippets } from './snippets'

interface Props {
  secret: string
  url: string
  onCopied: () => void
}

/** A first request with the new key, in five languages. */
export function SecretSnippets({ secret, url, onCopied }: Props) {
  const [language, setLanguage] = useState('cURL')
  const all = snippets(url, secret)
  return (
    <PanelTabs
      value={language}
      onChange={setLanguage}
      tabs={Object.entries(all).map(([value, code]) => ({ value, label: value, content: <CodeBlock bare code={code} /> }))}
      aside={(value) => <Copy text={all[value as keyof typeof all]} onCopied={onCopied} />}
    />
  )
}
