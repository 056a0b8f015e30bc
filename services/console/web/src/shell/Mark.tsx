/** The product's mark: a keyhole. */
export const Mark = ({ inverse }: { inverse?: boolean }) => (
  <svg viewBox="0 0 32 32" aria-hidden="true" className="size-5.5 shrink-0">
    <rect width="32" height="32" rx="7" className={inverse ? 'fill-on-inverse' : 'fill-ink'} />
    <path
      d="M16 6.5a6 6 0 0 0-3 11.2L11.5 25h9L19 17.7a6 6 0 0 0-3-11.2z"
      className={inverse ? 'fill-inverse' : 'fill-panel'}
    />
  </svg>
)
