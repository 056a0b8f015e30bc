import type { useForm } from '@/lib/useForm'
import type { KeyValues } from './values'

/** What every part of the form works on. */
export interface FormPart {
  form: ReturnType<typeof useForm<KeyValues>>
}

/** What is wrong at a field or in a part of it: the first. */
export function errorAt(errors: Record<string, string>, name: string): string | undefined {
  return errors[name] ?? Object.entries(errors).find(([path]) => path.startsWith(`${name}.`))?.[1]
}
