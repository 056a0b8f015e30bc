import { useMutation, useQueryClient, type QueryKey } from '@tanstack/react-query'
import { toast } from '@/kit/Toast'
import { asFailure, type Failure } from './problem'

interface Options<R, V> {
  /** What the change touches: these are read anew. */
  stale: QueryKey[]
  /** What is told once the server has confirmed it. */
  done?: string | ((result: R, value: V) => string)
  /** After that: close the dialog, go on. */
  after?: (result: R, value: V) => void
  /** When the server refuses: put its reasons at the fields. */
  refused?: (failure: Failure) => void
}

/** One change on the server. It is told as done when the server says so, and never before. */
export function useChange<V = void, R = unknown>(run: (value: V) => Promise<R>, { stale, done, after, refused }: Options<R, V>) {
  const client = useQueryClient()
  const mutation = useMutation({
    mutationFn: run,
    onSuccess: (result, value) => {
      for (const queryKey of stale) void client.invalidateQueries({ queryKey })
      if (done) toast(typeof done === 'string' ? done : done(result, value))
      after?.(result, value)
    },
    onError: (thrown) => refused?.(asFailure(thrown)),
  })
  return {
    run: mutation.mutate,
    isBusy: mutation.isPending,
    failure: mutation.error ? asFailure(mutation.error) : null,
    reset: mutation.reset,
  }
}
