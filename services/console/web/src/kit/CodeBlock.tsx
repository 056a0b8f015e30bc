import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { Copy } from './Copy'

interface Props {
  code: string
  title?: ReactNode
  /** No box of its own, inside one that has. */
  bare?: boolean
  wrap?: boolean
  className?: string
}

/** Code on the sunken ground: strings in one hue, comments muted, the rest in ink. */
export function CodeBlock({ code, title, bare, wrap, className }: Props) {
  const body = (
    <pre
      // Scrolls sideways, so the keyboard has to reach it.
      tabIndex={0}
      className={clsx('overflow-x-auto bg-bg p-3 font-mono text-12 leading-5', wrap && 'break-all whitespace-pre-wrap', bare && className)}
    >
      <code>{code.split('\n').flatMap((line, index) => [index > 0 ? '\n' : '', ...coloured(line, index)])}</code>
    </pre>
  )
  if (bare) return body
  return (
    <div className={clsx('overflow-hidden rounded-panel border border-line', className)}>
      <div className="flex items-center gap-2 border-b border-line py-1 pr-2 pl-3">
        <div className="min-w-0 flex-1 text-12 text-muted">{title}</div>
        <Copy text={code} />
      </div>
      {body}
    </div>
  )
}

function coloured(line: string, row: number): ReactNode[] {
  if (/^\s*(#|\/\/)/.test(line))
    return [
      <span key={row} className="text-muted">
        {line}
      </span>,
    ]
  return line.split(/("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/).map((piece, index) =>
    index % 2 === 1 ? (
      <span key={`${row}.${index}`} className="text-code-string">
        {piece}
      </span>
    ) : (
      piece
    ),
  )
}
