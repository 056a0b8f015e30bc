import { createLink } from '@tanstack/react-router'
import { clsx } from 'clsx'
import type { ComponentProps } from 'react'

/** A link in running text, in the accent. It is no entry of a navigation: it never stands for the page itself. */
function Anchor({ className, ...rest }: ComponentProps<'a'>) {
  return <a {...rest} aria-current={undefined} className={clsx('rounded-badge font-medium text-accent no-underline hover:underline', className)} />
}

export const TextLink = createLink(Anchor)
