import { Link } from '@tanstack/react-router'
import type { PlacedKey } from '../api'
import { useKeyScope } from '../scope'

/** A key's name, leading to its page in its environment. */
export function KeyNameLink({ placed }: { placed: PlacedKey }) {
  const { listPath } = useKeyScope()
  return (
    <Link
      to={`${listPath}/${placed.id}` as never}
      search={{ env: placed.environment } as never}
      className="block max-w-70 truncate font-medium text-ink no-underline hover:underline"
      title={placed.name}
    >
      {placed.name}
    </Link>
  )
}
