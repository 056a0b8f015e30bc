import { useSyncExternalStore } from 'react'
import { RefreshCw, WifiOff } from 'lucide-react'
import { Button } from '@/kit/Button'
import { isOutdated } from '@/lib/http'
import { useHeld } from '@/lib/useHeld'
import { t } from '@/strings'

const subscribe = (listener: () => void) => {
  addEventListener('online', listener)
  addEventListener('offline', listener)
  return () => {
    removeEventListener('online', listener)
    removeEventListener('offline', listener)
  }
}

/** What concerns the whole console: no network, or a newer version on the server. Never reloads by itself. */
export function Banners() {
  const outdated = useHeld(isOutdated)
  const isOnline = useSyncExternalStore(subscribe, () => navigator.onLine)
  return (
    <div role="status">
      {!isOnline && (
        <p className="flex items-center gap-2 bg-soon-soft px-4 py-1.5 text-13">
          <WifiOff aria-hidden className="text-soon" /> {t.shell.offline}
        </p>
      )}
      {outdated && (
        <p className="flex items-center gap-3 border-b border-line bg-sunken px-4 py-1.5 text-13">
          <span className="flex-1">{t.shell.outdated}</span>
          <Button size="row" icon={<RefreshCw aria-hidden className="size-3.5" />} onClick={() => location.reload()}>
            {t.shell.reload}
          </Button>
        </p>
      )}
    </div>
  )
}
