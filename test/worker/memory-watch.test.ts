import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { MemoryWatch } from '../../src/worker/memory-watch.ts'
import type { MemoryUse, Place } from '../../src/worker/place.ts'

/** A place that uses what it says. */
function place(memory: () => MemoryUse | undefined): Place {
  return {
    kind: 'thread',
    tell: () => undefined,
    memory: async () => memory(),
    end: () => undefined,
    gone: () => new Promise(() => undefined),
  }
}

/** The first place that uses too much, and why. */
async function firstExceeded(
  t: TestContext,
  places: readonly Place[],
  allBytes: number,
): Promise<{ place: Place; why: string }> {
  const { promise, resolve } = Promise.withResolvers<{ place: Place; why: string }>()
  const watch = new MemoryWatch({
    places: () => places,
    exceeded: (place, why) => resolve({ place, why }),
    allBytes,
  })
  t.after(() => watch.stop())
  // The watch alone keeps no process going.
  const timer = setTimeout(() => undefined, 20_000)
  t.after(() => clearTimeout(timer))
  watch.start()
  return promise
}

const mib = 2 ** 20

suite('the memory of handlers', () => {
  test('one that uses more than its limit is told of', async t => {
    let used = 1
    const growing = place(() => ({ usedBytes: used++ * mib, limitBytes: 3 * mib }))
    const small = place(() => ({ usedBytes: mib, limitBytes: 3 * mib }))
    const silent = place(() => undefined)
    const found = await firstExceeded(t, [silent, small, growing], 1_000 * mib)
    assert.equal(found.place, growing)
    assert.equal(found.why, 'used 4 MiB of memory, over its limit of 3 MiB')
  })

  test('of those that use too much together it is the one that uses most', async t => {
    const uses = [2, 5, 4].map(used =>
      place(() => ({ usedBytes: used * mib, limitBytes: 9 * mib })),
    )
    const found = await firstExceeded(t, uses, 10 * mib)
    assert.equal(found.place, uses[1])
    assert.match(found.why, /^used most memory, 5 MiB, while handlers use 11 MiB together, over/)
  })
})
