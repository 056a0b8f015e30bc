import type { ReactNode } from 'react'
import { Button } from '@/kit/Button'
import { Empty } from '@/kit/Empty'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import type { Environment } from '@/lib/environments'
import { t } from '@/strings'
import { useChoose } from './EnvironmentControl'

interface Props {
  /** What is missing: "No customers in". */
  title: string
  environment: Environment
  action?: ReactNode
}

/** A list that is empty in one environment; there may be something in the others. */
export function EmptyIn({ title, environment, action }: Props) {
  const choose = useChoose()
  return (
    <Empty
      title={
        <>
          {title} <EnvironmentBadge environment={environment} />
        </>
      }
      actions={
        <>
          {action}
          <Button kind="link" onClick={() => choose('all')}>
            {t.common.showAll}
          </Button>
        </>
      }
    />
  )
}
