import { clsx } from 'clsx'
import type { ComponentProps } from 'react'

interface Props extends ComponentProps<'input'> {
  mono?: boolean
}

/** One line of text. */
export function Input({ className, mono, type = 'text', ...rest }: Props) {
  return (
    <input
      autoComplete="off"
      spellCheck={false}
      {...rest}
      type={type}
      className={clsx('part-control', mono && 'font-mono text-12!', className)}
    />
  )
}
