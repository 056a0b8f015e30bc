import { useBlocker } from '@tanstack/react-router'
import { AlertDialog } from '@/kit/AlertDialog'
import { dirtyForms } from '@/lib/reload'
import { t } from '@/strings'

/** Holds back a change of page, and a step back that would close a form, while a form has changes. */
export function LeaveGuard() {
  const blocker = useBlocker({
    withResolver: true,
    // Closing the tab is asked about where the form is.
    enableBeforeUnload: false,
    shouldBlockFn: ({ current, next, action }) =>
      // A replacement is the page's own doing: it corrects its address after it has saved.
      dirtyForms.get() > 0 && action !== 'REPLACE' && (current.pathname !== next.pathname || action !== 'PUSH'),
  })
  const words = t.common.leaveDirty
  return (
    <AlertDialog
      open={blocker.status === 'blocked'}
      title={words.title}
      verb={words.leave}
      kind="reversible"
      onClose={() => blocker.reset?.()}
      onConfirm={() => blocker.proceed?.()}
    >
      {words.text}
    </AlertDialog>
  )
}
