import { useChoose } from '@/environment/EnvironmentControl'
import { usePageTitle } from '@/environment/title'
import { Button } from '@/kit/Button'
import { Empty } from '@/kit/Empty'
import { EnvironmentSquare } from '@/kit/EnvironmentBadge'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'

/** A page about one thing whose address names no environment. */
export function PickEnvironment({ title }: { title: string }) {
  usePageTitle(title)
  const { present } = useOrganization()
  const choose = useChoose()
  return (
    <Empty
      title={t.common.whichEnvironment}
      actions={present.map((name) => (
        <Button key={name} icon={<EnvironmentSquare environment={name} />} onClick={() => choose(name)}>
          {t.environment[name]}
        </Button>
      ))}
    >
      {t.common.whichEnvironmentText}
    </Empty>
  )
}
