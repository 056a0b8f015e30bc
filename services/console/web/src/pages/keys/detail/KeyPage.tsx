import { OrganizationKeys } from '../OrganizationKeys'
import { KeyDetail } from './KeyDetail'

/** Integrations → API Keys → one key. */
export const KeyPage = () => (
  <OrganizationKeys>
    <KeyDetail />
  </OrganizationKeys>
)
