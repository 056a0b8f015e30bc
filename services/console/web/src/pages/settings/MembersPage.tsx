import { useQuery } from '@tanstack/react-query'
import { UserPlus } from 'lucide-react'
import { useState } from 'react'
import { invitesQuery, membersQuery, rolesQuery } from '@/control/queries'
import type { Invite, Member } from '@/control/types'
import { useEnvironments } from '@/environment/useEnvironment'
import { BlockError } from '@/kit/BlockError'
import { Button } from '@/kit/Button'
import { Loaded } from '@/kit/Loaded'
import { TextLink } from '@/kit/TextLink'
import { asFailure } from '@/lib/problem'
import { useIsManager } from '@/session/useIsManager'
import { useOrganization } from '@/session/useOrganization'
import { settings as settingsTexts } from '@/strings/settings'
import { InviteDialog } from './InviteDialog'
import { MembersTable } from './MembersTable'
import { SettingsPage } from './SettingsPage'

const words = settingsTexts.members

export function MembersPage() {
  const { organization } = useOrganization()
  const org = organization.slug
  const { isManager, reason } = useIsManager()
  const { environments } = useEnvironments()
  const [isInviting, setInviting] = useState(false)
  // Links are secrets: they are shown once, and kept by this page alone.
  const [links, setLinks] = useState<ReadonlyMap<string, string>>(new Map())
  const members = useQuery(membersQuery(org))
  const invites = useQuery({ ...invitesQuery(org), enabled: isManager })
  const only = environments.length === 1 ? environments[0] : undefined
  const own = useQuery({ ...rolesQuery(only ?? 'production', org), enabled: only !== undefined })
  const keep = (made: { invite: Invite; link: string }[]) => setLinks((before) => new Map([...before, ...made.map(({ invite, link }) => [invite.id, link] as const)]))
  return (
    <SettingsPage
      title={words.title}
      subtitle={members.data && <Summary members={members.data} invites={invites.data ?? []} org={org} />}
      actions={
        <Button kind="primary" data-create="" icon={<UserPlus aria-hidden />} reason={reason} onClick={() => setInviting(true)}>
          {settingsTexts.invite.open}
        </Button>
      }
    >
      <Loaded query={members} failed={words.loadFailed}>
        {(people) => <MembersTable members={people} invites={invites.data ?? []} own={own.data ?? []} links={links} onLinks={keep} />}
      </Loaded>
      {invites.isError && (
        <div className="px-4 pt-4 wide:px-6">
          <BlockError title={words.invitesFailed} failure={asFailure(invites.error)} onRetry={() => void invites.refetch()} />
        </div>
      )}
      {isInviting && <InviteDialog onClose={() => setInviting(false)} onMade={keep} />}
    </SettingsPage>
  )
}

function Summary({ members, invites, org }: { members: Member[]; invites: Invite[]; org: string }) {
  const without = members.filter(({ has_second_factor }) => !has_second_factor).length
  return (
    <>
      {words.summary(members.length, invites.length)}{' '}
      {without > 0 && (
        <>
          {words.withoutFactor(without)}{' '}
          <TextLink to="/o/$org/settings/security" params={{ org }}>
            {words.requireOne}
          </TextLink>
        </>
      )}
    </>
  )
}
