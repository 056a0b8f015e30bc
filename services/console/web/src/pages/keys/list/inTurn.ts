import { asFailure, type Failure } from '@/lib/problem'

/** How many requests are under way at once. */
const together = 4

/** Does something to each of many, a few at a time; what fails does not stop the others. */
export async function inTurn<T>(items: T[], act: (item: T) => Promise<unknown>, onProgress: (done: number) => void) {
  const failed: T[] = []
  let first: Failure | null = null
  let done = 0
  const waiting = [...items]
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await act(item)
      } catch (thrown) {
        first ??= asFailure(thrown)
        failed.push(item)
      }
      done += 1
      onProgress(done)
    }
  }
  await Promise.all(Array.from({ length: together }, work))
  return { failed, first: first as Failure | null }
}
