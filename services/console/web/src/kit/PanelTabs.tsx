import { Tabs as Base } from '@base-ui/react/tabs'
import type { ReactNode } from 'react'

interface Props {
  tabs: { value: string; label: string; content: ReactNode }[]
  /** At the right of the tabs. */
  aside?: (value: string) => ReactNode
  value: string
  onChange: (value: string) => void
}

/** Tabs inside a box, such as the languages of an example. */
export function PanelTabs({ tabs, aside, value, onChange }: Props) {
  return (
    <Base.Root value={value} onValueChange={(next) => onChange(String(next))} className="overflow-hidden rounded-panel border border-line">
      <div className="flex items-center gap-2 border-b border-line pr-2 pl-3">
        <Base.List className="flex min-w-0 flex-1 gap-4 overflow-x-auto">
          {tabs.map((tab) => (
            <Base.Tab
              key={tab.value}
              value={tab.value}
              className="-mb-px border-b-2 border-transparent py-2 text-12 font-medium text-muted data-[active]:border-ink data-[active]:text-ink"
            >
              {tab.label}
            </Base.Tab>
          ))}
        </Base.List>
        {aside?.(value)}
      </div>
      {tabs.map((tab) => (
        <Base.Panel key={tab.value} value={tab.value} className="bg-bg">
          {tab.content}
        </Base.Panel>
      ))}
    </Base.Root>
  )
}
