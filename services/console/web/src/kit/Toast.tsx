import { Toast as Base } from '@base-ui/react/toast'
import { CircleCheck, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { t } from '@/strings'

const manager = Base.createToastManager()

/** Confirms what the server has confirmed. Nothing that matters stands in a toast alone. */
export function toast(text: string, action?: { label: string; onSelect: () => void }) {
  manager.add({
    title: text,
    timeout: action ? 12_000 : 6_000,
    actionProps: action && { children: action.label, onClick: action.onSelect },
  })
}

/** Goes around the application once. */
export function ToastArea({ children }: { children: ReactNode }) {
  return (
    <Base.Provider toastManager={manager}>
      {children}
      <Base.Portal>
        <Base.Viewport className="fixed right-4 bottom-4 z-50 flex w-100 max-w-[calc(100vw-2rem)] flex-col gap-2 outline-none">
          <ToastList />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  )
}

function ToastList() {
  const { toasts } = Base.useToastManager()
  return toasts.map((each) => (
    <Base.Root
      key={each.id}
      toast={each}
      className="rounded-control border border-transparent bg-inverse text-on-inverse shadow-float transition-opacity duration-[var(--duration-base)] data-[ending-style]:opacity-0 data-[limited]:hidden data-[starting-style]:opacity-0"
    >
      <Base.Content className="flex items-center gap-2.5 py-2 pr-2 pl-3">
        <CircleCheck aria-hidden />
        <Base.Title className="min-w-0 flex-1 text-13" />
        {each.actionProps && <Base.Action className="h-6 rounded-badge border border-inverse-line px-2 text-12 font-medium" />}
        <Base.Close aria-label={t.common.close} className="grid size-6 place-items-center rounded-badge">
          <X aria-hidden className="size-3.5" />
        </Base.Close>
      </Base.Content>
    </Base.Root>
  ))
}
