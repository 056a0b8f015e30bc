import { describe, expect, it } from 'vitest'
import type { Environment } from './environments'
import { inOrder, mergedPage, type MergedPage } from './merged'
import { Failure } from './problem'

interface Row {
  at: number
}
const newestFirst = (one: Row, other: Row) => other.at - one.at
const failure = new Failure({ code: 'unavailable', title: 'Unavailable', detail: 'No answer.', status: 503 })
const lists: Record<Environment, number[]> = { production: [9, 5, 4, 1], staging: [8, 7, 6], development: [] }

const fetchOf = (failing: Environment[] = []) => async (environment: Environment, cursor: string | null) => {
  if (failing.includes(environment)) throw failure
  const start = Number(cursor ?? 0)
  const items = lists[environment].slice(start, start + 2).map((at) => ({ at }))
  const next = start + 2 < lists[environment].length ? String(start + 2) : null
  return { items, next_cursor: next, total: lists[environment].length, total_is_exact: true }
}
const signal = new AbortController().signal
const start = { production: null, staging: null, development: null }

async function all(failing: Environment[] = []) {
  const pages: MergedPage<Row>[] = []
  let cursors: Parameters<typeof mergedPage>[1] = start
  while (Object.keys(cursors).length > 0 && pages.length < 9) {
    const page = await mergedPage<Row>({ fetch: fetchOf(failing) }, cursors, signal)
    pages.push(page)
    cursors = page.next
  }
  return pages
}

describe('a list over several environments', () => {
  it('ends with every row once, in order', async () => {
    expect(inOrder(await all(), newestFirst).map(({ at }) => at)).toEqual([9, 8, 7, 6, 5, 4, 1])
  })

  it('never puts a row above one that was shown', async () => {
    const pages = await all()
    const steps = pages.map((_, index) => inOrder(pages.slice(0, index + 1), newestFirst).map(({ at }) => at))
    expect(steps[0]).toEqual([9, 8, 7])
    for (const [index, step] of steps.entries()) expect(step.slice(0, steps[index - 1]?.length ?? 0)).toEqual(steps[index - 1] ?? [])
  })

  it('says where each row is from', async () => {
    const [first] = await all()
    expect(first!.items[0]).toEqual({ at: 9, environment: 'production' })
  })

  it('names an environment that fails and shows the others', async () => {
    const page = await mergedPage<Row>({ fetch: fetchOf(['production']) }, start, signal)
    expect(page.failures.map(({ environment }) => environment)).toEqual(['production'])
    expect(page.items.map(({ at }) => at)).toEqual([8, 7])
  })

  it('asks again where a later page failed', async () => {
    const page = await mergedPage<Row>({ fetch: fetchOf(['production']) }, { production: '2', staging: '2' }, signal)
    expect(page.next).toEqual({ production: '2' })
  })

  it('fails when every environment does', async () => {
    await expect(mergedPage({ fetch: fetchOf(['production', 'staging', 'development']) }, start, signal)).rejects.toBe(failure)
  })
})
