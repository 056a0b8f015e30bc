import type {
  BulkRevocation,
  BulkRevocationResult,
  Key,
  KeyPatch,
  KeyWithSecret,
  NewKey,
  PermissionCatalogue,
  PermissionGroup,
  Regeneration,
  Revocation,
  SecretList,
} from '@/client/types.gen'
import { environmentCall, path, type Page } from '@/lib/api'
import type { Environment } from '@/lib/environments'
import type { Call } from '@/lib/http'
import { queryClient } from '@/lib/query'
import type { Placed } from '@/lib/merged'
import type { KeyScope } from './scope'

export type PlacedKey = Placed<Key>
type Where = Pick<KeyScope, 'kind' | 'org'>

const base = ({ kind, org }: Where) => (kind === 'root' ? '/root-keys' : `${path('organizations', org)}/keys`)
const of = (where: Where, key: string) => base(where) + path(key)

export const listKeys = async (where: Where, environment: Environment, call: Call): Promise<Page<Key>> =>
  (await environmentCall<Page<Key>>(environment, base(where), call)).data

export const findKey = (where: Where, environment: Environment, key: string, signal?: AbortSignal) =>
  environmentCall<Key>(environment, of(where, key), { signal })

export const createKey = async (where: Where, environment: Environment, body: NewKey, idempotencyKey: string) =>
  (await environmentCall<KeyWithSecret>(environment, base(where), { method: 'POST', body, idempotencyKey })).data

export const updateKey = async (where: Where, environment: Environment, key: string, body: KeyPatch, ifMatch?: string) =>
  (await environmentCall<Key>(environment, of(where, key), { method: 'PATCH', body, ifMatch })).data

export const regenerateKey = async (where: Where, { environment, id }: PlacedKey, body: Regeneration, idempotencyKey: string) =>
  (await environmentCall<KeyWithSecret>(environment, `${of(where, id)}/regenerate`, { method: 'POST', body, idempotencyKey })).data

export const revokeKey = async (where: Where, { environment, id }: PlacedKey, body: Revocation) =>
  (await environmentCall<Key>(environment, `${of(where, id)}/revoke`, { method: 'POST', body })).data

export const reactivateKey = async (where: Where, { environment, id }: PlacedKey) =>
  (await environmentCall<Key>(environment, `${of(where, id)}/reactivate`, { method: 'POST' })).data

export const deleteKey = async (where: Where, { environment, id }: PlacedKey) =>
  (await environmentCall<unknown>(environment, of(where, id), { method: 'DELETE' })).data

export const bulkRevoke = async (where: Where, environment: Environment, body: BulkRevocation) =>
  (await environmentCall<BulkRevocationResult>(environment, `${base(where)}/bulk-revoke`, { method: 'POST', body })).data

export const listSecrets = async (where: Where, environment: Environment, key: string, signal?: AbortSignal) =>
  (await environmentCall<SecretList>(environment, `${of(where, key)}/secrets`, { signal })).data.items

export const retireSecret = async (where: Where, environment: Environment, key: string, secret: string) =>
  (await environmentCall<unknown>(environment, `${of(where, key)}/secrets${path(secret)}/retire`, { method: 'POST' })).data

/** The catalogue that a key of this kind can be given, with the organization's own API as a group of its own. */
export async function permissionGroups(where: Where, environment: Environment, ownName: string, signal?: AbortSignal): Promise<PermissionGroup[]> {
  const catalogue = await environmentCall<PermissionCatalogue>(environment, '/permissions', { signal })
  const groups = catalogue.data.groups
    .map((group) => ({ ...group, permissions: group.permissions.filter(({ root_only }) => where.kind === 'root' || !root_only) }))
    .filter(({ permissions }) => permissions.length > 0)
  if (where.kind === 'root') return groups
  const own = await environmentCall<{ items: { name: string }[] }>(environment, `${path('organizations', where.org)}/permissions`, { signal })
  if (own.data.items.length === 0) return groups
  const permissions = own.data.items.map(({ name }) => ({ name, display_name: name, description: '', root_only: false }))
  return [...groups, { name: ownName, permissions }]
}

/** Everything about keys that was loaded is asked for anew. Secrets are never among it. */
export const keysChanged = () =>
  Promise.all([queryClient.invalidateQueries({ queryKey: ['keys'] }), queryClient.invalidateQueries({ queryKey: ['key'] })])
