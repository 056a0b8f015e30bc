import { Button } from '@/kit/Button'
import { Drawer } from '@/kit/Drawer'
import { t } from '@/strings'

interface Props {
  isOpen: boolean
  onClose: () => void
  onFilter: (filter: Record<string, string>) => void
}

/** What 401, 403 and 429 mean for a key, beside the list. */
export function RefusedHelp({ isOpen, onClose, onFilter }: Props) {
  const words = t.keys.refused
  return (
    <Drawer open={isOpen} onClose={onClose} title={words.title}>
      <dl className="grid gap-5 text-13">
        {words.answers.map(({ status, text, filters }) => (
          <div key={status}>
            <dt className="font-semibold">{status}</dt>
            <dd className="mt-1">{text}</dd>
            {filters.length > 0 && (
              <dd className="mt-2 flex gap-2">
                {filters.map(({ label, filter }) => (
                  <Button key={label} size="row" onClick={() => onFilter(filter)}>
                    {label}
                  </Button>
                ))}
              </dd>
            )}
          </div>
        ))}
      </dl>
      <p className="mt-5 text-13 text-muted">{words.check}</p>
    </Drawer>
  )
}
