import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../src/simulator/prng.ts'

test('a seed gives the same numbers every time, and another seed others', () => {
  const draw = (seed: number): number[] => {
    const prng = new Prng(seed)
    return Array.from({ length: 100 }, () => prng.uint32())
  }
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
  // Seeds beyond 32 bits are seeds of their own.
  assert.notDeepEqual(draw(7), draw(7 + 2 ** 32))
})

test('numbers are spread evenly over their range', () => {
  const prng = new Prng(3)
  const counts = new Array<number>(10).fill(0)
  for (let i = 0; i < 100_000; i++) {
    const drawn = prng.below(10)
    counts[drawn] = (counts[drawn] ?? 0) + 1
  }
  for (const count of counts) assert.ok(count > 9_500 && count < 10_500, String(counts))
})

test('a fault that is off draws nothing', () => {
  const prng = new Prng(5)
  const same = new Prng(5)
  assert.equal(prng.chance(0), false)
  assert.equal(prng.uint32(), same.uint32())
})
