import type { ProblemError } from '@/client/types.gen'
import type { Environment } from './environments'

/** The body of a failed answer, as far as the console reads it (RFC 9457). */
export interface ProblemBody {
  code: string
  title: string
  detail: string
  status: number
  request_id?: string
  errors?: ProblemError[]
  missing_permissions?: string[]
  retry_after_ms?: number
}

/** A request that failed: by an answer, or because none came (`status` 0). */
export class Failure extends Error {
  readonly problem: ProblemBody
  /** Which environment's API said so; absent for the console's own. */
  readonly environment: Environment | undefined

  constructor(problem: ProblemBody, environment?: Environment) {
    super(problem.detail || problem.title)
    this.name = 'Failure'
    this.problem = problem
    this.environment = environment
  }

  get status() {
    return this.problem.status
  }

  get code() {
    return this.problem.code
  }

  /** What was wrong with each field, by its path in the body (`limits.0.window_ms`); the first of each. */
  fields(): Record<string, string> {
    const found: Record<string, string> = {}
    for (const { pointer, message } of this.problem.errors ?? []) {
      const path = pointer.replace(/^\//, '').replaceAll('/', '.')
      found[path] ??= message
    }
    return found
  }
}

export const asFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure
    ? thrown
    : new Failure({ code: 'no-answer', title: 'No answer', detail: String(thrown), status: 0 })

/** Whether the same request may succeed later: nothing came back, or the server says so. */
export const isTransient = (failure: Failure) => failure.status === 0 || failure.status >= 500 || failure.status === 429
