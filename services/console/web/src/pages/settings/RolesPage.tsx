import { useQuery } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { membersQuery, rolesQuery } from '@/control/queries'
import type { Role } from '@/control/types'
import { useEnvironments } from '@/environment/useEnvironment'
import { Button } from '@/kit/Button'
import { Loaded } from '@/kit/Loaded'
import { Section } from '@/kit/Section'
import { useAuthority } from '@/session/useAuthority'
import { useOrganization } from '@/session/useOrganization'
import { t } from '@/strings'
import { settings as settingsTexts } from '@/strings/settings'
import { OwnRoles } from './OwnRoles'
import { RoleForm } from './RoleForm'
import { RoleTable } from './RoleTable'
import { SettingsPage } from './SettingsPage'

const words = settingsTexts.roles

/** The built-in roles as a table of words, and the organization's own of the chosen environment. */
export function RolesPage() {
  const { organization } = useOrganization()
  const org = organization.slug
  const { environments } = useEnvironments()
  const { reason } = useAuthority()
  const only = environments.length === 1 ? environments[0] : undefined
  const members = useQuery(membersQuery(org))
  const own = useQuery({ ...rolesQuery(only ?? 'production', org), enabled: only !== undefined })
  const [edited, setEdited] = useState<Role | 'new' | null>(null)
  return (
    <SettingsPage
      title={words.title}
      subtitle={words.subtitle}
      actions={
        only && (
          <Button data-create="" icon={<Plus aria-hidden />} reason={reason(only, 'roles.create')} onClick={() => setEdited('new')}>
            {words.create}
          </Button>
        )
      }
    >
      <RoleTable members={members.data ?? []} own={own.data ?? []} environments={environments} />
      <div className="mt-6">
        <Section title={words.ownTitle} detail={only && words.ownDetail(t.environment[only])}>
          {only ? (
            <Loaded query={own} failed={words.loadFailed} block>
              {(roles) => <OwnRoles roles={roles} environment={only} members={members.data ?? []} onEdit={setEdited} />}
            </Loaded>
          ) : (
            <p className="text-13 text-muted">{words.chooseEnvironment}</p>
          )}
        </Section>
      </div>
      {edited && only && (
        <RoleForm environment={only} role={edited === 'new' ? undefined : edited} members={members.data ?? []} onClose={() => setEdited(null)} />
      )}
    </SettingsPage>
  )
}
