import type { KeyPatch, NewKey } from '@/client/types.gen'

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
const hidden = <T extends object>(body: T): T => ('secret' in body ? { ...body, secret: '…' } : body)

/** What the form would send, as a command. A secret that was typed is left out of it. */
export function asCurl(url: string, org: string, body: NewKey): string {
  return [
    `curl -X POST ${url.replace(/\/$/, '')}/v1/organizations/${org}/keys`,
    `-H "Authorization: Bearer $CLAVIGER_KEY"`,
    `-H "Content-Type: application/json"`,
    `-H "Idempotency-Key: $(uuidgen)"`,
    `-d ${quoted(JSON.stringify(hidden(body), null, 2))}`,
  ].join(' \\\n  ')
}

export function asCurlPatch(url: string, org: string, key: string, body: KeyPatch): string {
  return [
    `curl -X PATCH ${url.replace(/\/$/, '')}/v1/organizations/${org}/keys/${key}`,
    `-H "Authorization: Bearer $CLAVIGER_KEY"`,
    `-H "Content-Type: application/json"`,
    `-H "If-Match: $ETAG"`,
    `-d ${quoted(JSON.stringify(body, null, 2))}`,
  ].join(' \\\n  ')
}

export const asJson = (body: NewKey | KeyPatch): string => JSON.stringify(hidden(body), null, 2)
