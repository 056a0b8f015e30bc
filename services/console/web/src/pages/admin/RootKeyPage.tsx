import { KeyDetail } from '../keys/detail/KeyDetail'
import { RootKeysScope } from './RootKeysScope'

/** Server Admin → Root API Keys → one key. */
export const RootKeyPage = () => (
  <RootKeysScope>
    <KeyDetail />
  </RootKeysScope>
)
