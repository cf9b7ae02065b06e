import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { backoffMs } from '../../src/libp2p/backoff.ts'

const init = { minMs: 100, maxMs: 30_000 }

describe('backoffMs', () => {
  const cases = [
    { failures: 0, ms: 100 },
    { failures: 1, ms: 100 },
    { failures: 2, ms: 200 },
    { failures: 5, ms: 1_600 },
    { failures: 10, ms: 30_000 },
    { failures: 1_000_000, ms: 30_000 },
  ]
  for (const { failures, ms } of cases) {
    test(`after ${failures} failures it is ${ms} ms on average`, () => {
      assert.equal(backoffMs(init, failures, 0.5), ms)
    })
  }

  test('is spread by half both ways', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.nat({ max: 40 }), random, (failures, random) => {
        const steady = backoffMs(init, failures, 0.5)
        const ms = backoffMs(init, failures, random)
        assert.ok(ms >= steady / 2 && ms <= steady * 1.5)
      }),
    )
  })
})
