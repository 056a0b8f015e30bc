/** Two initials in a circle. */
export function Avatar({ name }: { name: string }) {
  const words = name.split(/[\s.@_-]+/).filter(Boolean)
  const initials = [words[0], words.length > 1 ? words[1] : undefined].map((word) => word?.[0] ?? '').join('')
  return (
    <span aria-hidden className="grid size-7 shrink-0 place-items-center rounded-full border border-line bg-sunken text-10 font-semibold text-ink uppercase">
      {initials}
    </span>
  )
}
