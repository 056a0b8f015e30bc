import { createLink } from '@tanstack/react-router'
import type { ComponentProps, ReactNode } from 'react'
import { buttonLook, type ButtonKind, type ButtonSize } from './Button'

interface Props extends ComponentProps<'a'> {
  kind?: ButtonKind
  size?: ButtonSize
  icon?: ReactNode
}

/** A link that looks like a button: it leads somewhere and changes nothing. */
function Anchor({ kind, size, icon, children, ...rest }: Props) {
  return (
    <a {...rest} aria-current={undefined} className={buttonLook(kind, size)}>
      {icon}
      {children}
    </a>
  )
}

export const ButtonLink = createLink(Anchor)
