import type { ReactNode } from 'react'

export type Fact = [term: ReactNode, value: ReactNode] | null | false

/** Terms and values, two columns. A term without a value is left out by passing `null`. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className="grid grid-cols-[6rem_1fr] gap-y-3 text-13">
      {facts.filter((fact) => fact !== null && fact !== false).map(([term, value], index) => (
        <div key={index} className="col-span-2 grid grid-cols-subgrid">
          <dt className="text-muted">{term}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
