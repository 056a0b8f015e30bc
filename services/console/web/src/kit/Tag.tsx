import type { ReactNode } from 'react'

/** A plain label. */
export const Tag = ({ children }: { children: ReactNode }) => (
  <span className="inline-block rounded-badge bg-sunken px-1.5 text-12 leading-5">{children}</span>
)
