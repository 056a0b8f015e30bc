import { dateTimeSecondsOf } from '@/lib/time'
import { t } from '@/strings'
import { Button } from './Button'
import { Note } from './Note'

/** Above data that could not be renewed: of when it is, and a way to try now. */
export const StaleNote = ({ at, onRetry }: { at: number; onRetry: () => void }) => (
  <div className="sticky left-0 w-[100cqw] px-4 pb-3 wide:px-6">
    <Note
      kind="caution"
      live
      action={
        <Button size="row" onClick={onRetry}>
          {t.common.tryAgain}
        </Button>
      }
    >
      {t.common.stale(dateTimeSecondsOf(new Date(at)))}
    </Note>
  </div>
)
