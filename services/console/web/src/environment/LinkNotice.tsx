import { X } from 'lucide-react'
import { Button } from '@/kit/Button'
import { IconButton } from '@/kit/IconButton'
import { useHeld } from '@/lib/useHeld'
import { t } from '@/strings'
import { replacedByLink } from './choice'
import { useChoose } from './EnvironmentControl'
import { useEnvironmentChoice } from './useEnvironment'

/** Says that a link, and not the person, chose the environment, and offers the way back. */
export function LinkNotice({ listPath }: { listPath?: string | undefined }) {
  const replaced = useHeld(replacedByLink)
  const view = useEnvironmentChoice()
  const select = useChoose(listPath)
  if (replaced === null || replaced === view) return null
  return (
    <div role="status" className="flex flex-wrap items-center gap-3 border-b border-line bg-sunken px-4 py-1.5 text-13 wide:px-6">
      <span className="flex-1">{t.shell.byLink(t.environment[view])}</span>
      <Button size="row" onClick={() => select(replaced)}>
        {t.shell.backTo(t.environment[replaced])}
      </Button>
      <IconButton label={t.common.close} size="row" onClick={() => replacedByLink.set(null)}>
        <X aria-hidden className="size-3.5" />
      </IconButton>
    </div>
  )
}
