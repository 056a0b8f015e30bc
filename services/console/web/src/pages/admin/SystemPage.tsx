import { useQuery } from '@tanstack/react-query'
import { systemQuery } from '@/control/queries'
import type { System } from '@/control/types'
import { usePageTitle } from '@/environment/title'
import { EnvironmentBadge } from '@/kit/EnvironmentBadge'
import { Facts } from '@/kit/Facts'
import { Loaded } from '@/kit/Loaded'
import { PageHead } from '@/kit/PageHead'
import { Section } from '@/kit/Section'
import { StatusBadge } from '@/kit/StatusBadge'
import { bytes } from '@/lib/numbers'
import { admin as adminTexts } from '@/strings/admin'

const words = adminTexts.system

export function SystemPage() {
  usePageTitle(words.title)
  const query = useQuery({ ...systemQuery, refetchInterval: 30_000 })
  return (
    <>
      <PageHead title={words.title} subtitle={words.subtitle} />
      <div className="mt-5 border-t border-line">
        <Loaded query={query} failed={words.failed}>
          {(system) => (
            <>
              <Section title={words.console}>
                <Facts
                  facts={[
                    [words.version, system.version],
                  ]}
                />
              </Section>
              <Section title={words.database}>
                <Facts
                  facts={[
                    [words.postgres, system.database.version],
                    [words.size, bytes(system.database.size_bytes)],
                  ]}
                />
              </Section>
              <Section title={words.environments}>
                <Environments system={system} />
              </Section>
            </>
          )}
        </Loaded>
      </div>
    </>
  )
}

const Environments = ({ system }: { system: System }) => (
  <table aria-label={words.environments} className="w-full max-w-160 border-separate border-spacing-0 text-13">
    <thead>
      <tr>
        {Object.values(words.columns).map((head) => (
          <th key={head} scope="col" className="h-8 border-b border-line-strong text-left text-12 font-medium text-muted">
            {head}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {system.environments.map(({ name, state }) => (
        <tr key={name} className="h-11">
          <th scope="row" className="border-b border-line text-left">
            <EnvironmentBadge environment={name} />
          </th>
          <td className="border-b border-line">
            <StatusBadge look={state === 'ready' ? 'active' : 'failed'}>{words.states[state] ?? state}</StatusBadge>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)
