import { clsx } from 'clsx'
import type { ComponentProps } from 'react'

interface Props extends ComponentProps<'textarea'> {
  mono?: boolean
}

export function Textarea({ className, mono, ...rest }: Props) {
  return (
    <textarea
      spellCheck={false}
      {...rest}
      className={clsx('part-control min-h-20 resize-y', mono && 'font-mono text-12! leading-5', className)}
    />
  )
}
