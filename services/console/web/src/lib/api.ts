import type { Environment } from './environments'
import { request, type Answer, type Call } from './http'

/** A page of any list. */
export interface Page<T> {
  items: T[]
  next_cursor: string | null
  total?: number
  total_is_exact?: boolean
}

const part = encodeURIComponent
/** A path of segments, each encoded: `path('a', 'b/c')` is `/a/b%2Fc`. */
export const path = (...segments: string[]) => segments.map((segment) => `/${part(segment)}`).join('')

/** Asks one environment's API, through the console: `environment('staging', '/organizations/acme/keys')`. */
export const environmentCall = <T>(environment: Environment, rest: string, call?: Call): Promise<Answer<T>> =>
  request<T>(`/bff/${environment}/v1${rest}`, call)

/** Asks for something inside an organization of one environment. */
export const organizationCall = <T>(environment: Environment, org: string, rest: string, call?: Call) =>
  environmentCall<T>(environment, `${path('organizations', org)}${rest}`, call)

/** Asks the console's own resources: session, account, members, server admin. */
export const controlCall = <T>(rest: string, call?: Call): Promise<Answer<T>> => request<T>(`/bff/control/v1${rest}`, call)
