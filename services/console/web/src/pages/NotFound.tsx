import { Search } from 'lucide-react'
import { usePageTitle } from '@/environment/title'
import { Button } from '@/kit/Button'
import { Empty } from '@/kit/Empty'
import { paletteOpen } from '@/shell/open'
import { t } from '@/strings'

/** One text for "not there" and "not yours", with a way on. */
export function NotFound() {
  usePageTitle(t.shell.errors.notFound.title)
  return (
    <Empty
      isPage
      title={
        <span>
          <span className="block font-mono text-12 font-normal text-muted">{t.shell.errors.notFound.code}</span>
          {t.shell.errors.notFound.title}
        </span>
      }
      actions={
        <Button icon={<Search aria-hidden />} onClick={() => paletteOpen.set(true)}>
          {t.shell.search}
        </Button>
      }
    >
      {t.shell.errors.notFound.text}
    </Empty>
  )
}
