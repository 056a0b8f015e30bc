import { Dialog } from '@/kit/Dialog'
import { Kbd } from '@/kit/Kbd'
import { useHeld } from '@/lib/useHeld'
import { t } from '@/strings'
import { sheetOpen } from './open'

/** The list of keys, and where help is. */
export function ShortcutSheet() {
  const open = useHeld(sheetOpen)
  return (
    <Dialog open={open} onClose={() => sheetOpen.set(false)} title={t.shell.sheet.title}>
      <dl className="grid grid-cols-[6rem_1fr] gap-y-2 text-13">
        {t.shell.sheet.rows.map(([keys, what]) => (
          <div key={keys} className="contents">
            <dt>
              <Kbd>{keys}</Kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-4 text-12 text-muted">{t.shell.sheet.off}</p>
    </Dialog>
  )
}
