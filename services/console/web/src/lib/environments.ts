/** The environments of an installation, in the order in which they are always shown. */
export const environments = ['production', 'staging', 'development'] as const
export type Environment = (typeof environments)[number]
/** What the environment control can stand at. */
export type EnvironmentChoice = Environment | 'all'

/** The part of a key's text that names its environment. */
export const environmentTag: Record<Environment, string> = { production: 'prod', staging: 'stag', development: 'dev' }

export const isEnvironment = (text: unknown): text is Environment => environments.includes(text as Environment)
export const isEnvironmentChoice = (text: unknown): text is EnvironmentChoice => text === 'all' || isEnvironment(text)
