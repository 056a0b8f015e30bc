import type { ReactNode } from 'react'
import { usePageTitle } from '@/environment/title'
import { PageHead } from '@/kit/PageHead'

interface Props {
  title: string
  subtitle?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

/** One page of Settings or of the account: its head, and what is below it in the measure of a form. */
export function SettingsPage({ title, subtitle, actions, children }: Props) {
  usePageTitle(title)
  return (
    <>
      <PageHead title={title} subtitle={subtitle} actions={actions} />
      <div className="mt-4">{children}</div>
    </>
  )
}

/** Fields below one another, no wider than one reads. */
export const FormColumn = ({ children, onSubmit }: { children: ReactNode; onSubmit?: () => void }) => (
  <form
    className="grid max-w-140 gap-5 px-4 wide:px-6"
    onSubmit={(event) => {
      event.preventDefault()
      onSubmit?.()
    }}
  >
    {children}
  </form>
)
