import { usePageTitle } from '@/environment/title'
import { t } from '@/strings'
import { KeysView } from './KeysView'
import { OrganizationKeys } from './OrganizationKeys'

/** Integrations → API Keys. */
export function KeysPage() {
  usePageTitle(t.keys.title)
  return (
    <OrganizationKeys>
      <KeysView title={t.keys.title} subtitle={t.keys.subtitle} createLabel={t.keys.create} />
    </OrganizationKeys>
  )
}
