import { useState } from 'react'
import type { Failure } from './problem'

export type Errors = Record<string, string>

/**
 * The values of a form, checked when a field is left and from then on while it is typed in. What was typed stays whatever
 * the server says; what the server refuses is shown at its field until that field changes.
 */
export function useForm<T extends object>(initial: T, check: (values: T) => Errors) {
  const [first, setFirst] = useState(initial)
  const [values, setValues] = useState(initial)
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set())
  const [refused, setRefused] = useState<Errors>({})
  const [isSubmitted, setSubmitted] = useState(false)

  const found = check(values)
  const own = Object.fromEntries(Object.entries(found).filter(([path]) => isSubmitted || touched.has(path.split('.')[0]!)))

  return {
    values,
    initial: first,
    errors: { ...own, ...refused } as Errors,
    isDirty: JSON.stringify(values) !== JSON.stringify(first),
    set<K extends keyof T & string>(name: K, value: T[K]) {
      setValues((now) => ({ ...now, [name]: value }))
      setRefused((now) => Object.fromEntries(Object.entries(now).filter(([path]) => path.split('.')[0] !== name)))
    },
    setAll: setValues,
    touch: (name: string) => setTouched((now) => new Set(now).add(name)),
    /** Whether it can be sent; shows every mistake when it cannot. */
    submit(): boolean {
      setSubmitted(true)
      return Object.keys(found).length === 0
    },
    /** Puts what the server refused at its fields. */
    refuse: (failure: Failure, rename: Record<string, string> = {}) =>
      setRefused(Object.fromEntries(Object.entries(failure.fields()).map(([path, text]) => [renamed(path, rename), text]))),
    reset(next: T) {
      setFirst(next)
      setValues(next)
      setTouched(new Set())
      setRefused({})
      setSubmitted(false)
    },
  }
}

const renamed = (path: string, rename: Record<string, string>) => {
  const [head = '', ...rest] = path.split('.')
  return [rename[head] ?? head, ...rest].join('.')
}
