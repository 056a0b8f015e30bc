import { CircleX, Clock, Smartphone, UserRound } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { BlockError } from '@/kit/BlockError'
import { Section } from '@/kit/Section'
import { Skeleton } from '@/kit/Skeleton'
import { TextLink } from '@/kit/TextLink'
import { Time } from '@/kit/Time'
import type { Environment } from '@/lib/environments'
import { count } from '@/lib/numbers'
import { relative } from '@/lib/time'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { overview as overviewTexts } from '@/strings/overview'
import { isUrgent } from './attention'
import { AttentionRow } from './AttentionRow'
import { useAttention } from './useAttention'

const words = overviewTexts
const first = 8

/** What may need somebody, the most pressing first. */
export function Attention({ environments }: { environments: Environment[] }) {
  const found = useAttention(environments)
  const [isWhole, setWhole] = useState(false)
  const rows = useRows(found, environments)
  return (
    <Section title={words.attention} detail={found.isPending ? undefined : String(rows.length)}>
      {found.isPending && rows.length === 0 && <Skeleton label={t.common.loading} />}
      {!found.isPending && rows.length === 0 && found.failures.length === 0 && <p className="text-13 text-muted">{words.nothing}</p>}
      <ul className="-mt-1">{isWhole ? rows : rows.slice(0, first)}</ul>
      {!isWhole && rows.length > first && (
        <button type="button" className="mt-2 h-6 text-13 font-medium text-accent hover:underline" onClick={() => setWhole(true)}>
          {words.showMore(rows.length - first)}
        </button>
      )}
      <div className="grid gap-2">
        {found.failures.map(({ environment, failure, retry }) => (
          <BlockError key={environment} title={words.attentionFailed(t.environment[environment])} failure={failure} onRetry={retry} />
        ))}
      </div>
    </Section>
  )
}

function useRows(found: ReturnType<typeof useAttention>, environments: Environment[]): ReactNode[] {
  const { organization } = useOrganization()
  const params = { org: organization.slug }
  const env = environments.length === 1 ? environments[0] : 'all'
  const { now } = found
  const rows: ReactNode[] = []
  if (found.needsFactor)
    rows.push(
      <AttentionRow
        key="own"
        icon={<CircleX aria-hidden className="text-danger" />}
        title={words.ownFactor(organization.name)}
        detail={words.ownFactorText}
        action={<TextLink to="/account/security">{words.actions.setUp}</TextLink>}
      />,
    )
  for (const { environment, reason } of found.failed)
    rows.push(
      <AttentionRow
        key={`set-up ${environment}`}
        icon={<CircleX aria-hidden className="text-danger" />}
        environment={environment}
        title={words.failedSetUp}
        detail={reason}
        action={
          <TextLink to="/o/$org/settings/environments" params={params}>
            {words.actions.review}
          </TextLink>
        }
      />,
    )
  for (const key of found.expiring.shown)
    rows.push(
      <AttentionRow
        key={key.id}
        icon={<Clock aria-hidden className={isUrgent(key.expires_at ?? '', now) ? 'text-danger' : 'text-soon'} />}
        environment={key.environment}
        title={words.expires(key.name, relative(new Date(key.expires_at ?? now), now))}
        detail={
          <>
            <Time at={key.expires_at} form="brief" />, {key.last_used_at ? words.lastUsed(relative(new Date(key.last_used_at), now)) : words.neverUsed}
          </>
        }
        action={
          <TextLink to="/o/$org/integrations/api-keys/$key" params={{ ...params, key: key.id }} search={{ env: key.environment, form: 'edit' }}>
            {words.actions.extend}
          </TextLink>
        }
      />,
    )
  if (found.expiring.more > 0)
    rows.push(
      <AttentionRow
        key="more"
        icon={<Clock aria-hidden className="text-soon" />}
        title={words.moreExpiring(found.expiring.more)}
        detail={null}
        action={
          <TextLink to="/o/$org/integrations/api-keys" params={params} search={{ env, expires: '14', status: 'active' }}>
            {words.actions.review}
          </TextLink>
        }
      />,
    )
  if (found.waiting.length > 0)
    rows.push(
      <AttentionRow
        key="waiting"
        icon={<Smartphone aria-hidden className="text-soon" />}
        title={words.waiting(found.waiting.length)}
        detail={found.waiting.map(({ user, label }) => user?.email ?? label).join(', ')}
        action={
          <TextLink to="/o/$org/settings/security" params={params}>
            {words.actions.review}
          </TextLink>
        }
      />,
    )
  if (found.idle.length > 0)
    rows.push(
      <AttentionRow
        key="idle"
        icon={<Clock aria-hidden className="text-muted" />}
        title={words.idle(found.idle.length)}
        detail={environments
          .map((name) => [name, found.idle.filter(({ environment }) => environment === name).length] as const)
          .filter(([, number]) => number > 0)
          .map(([name, number]) => words.inEnvironment(count(number), t.environment[name]))
          .join(', ')}
        action={
          <TextLink to="/o/$org/integrations/api-keys" params={params} search={{ env, used: '90', status: 'active' }}>
            {words.actions.review}
          </TextLink>
        }
      />,
    )
  if (found.without.length > 0)
    rows.push(
      <AttentionRow
        key="members"
        icon={<UserRound aria-hidden className="text-muted" />}
        title={words.without(found.without.length)}
        detail={found.without.map(({ user }) => user.name || user.email).join(', ')}
        action={
          <TextLink to="/o/$org/settings/members" params={params}>
            {words.actions.review}
          </TextLink>
        }
      />,
    )
  return rows
}
