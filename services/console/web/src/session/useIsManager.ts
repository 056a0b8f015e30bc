import { settings as settingsTexts } from '@/strings/settings'
import { useOrganization } from './useOrganization'

/** Whether the signed-in member is an owner or admin of the organization somewhere: they look after its people. */
export function useIsManager() {
  const { organization } = useOrganization()
  const isManager = Object.values(organization.roles).some((role) => role === 'owner' || role === 'admin')
  return { isManager, reason: isManager ? undefined : settingsTexts.needsAdmin }
}
