import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stall } from '../../src/cli/stall.ts'

test('a publish is given up when no byte of it has moved for so long, and not before', t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  let moved = 0
  using stall = new Stall({ metrics: () => ({ blobBytesMoved: moved }) }, 10_000)
  const pass = (ms: number): void => {
    for (let i = 0; i < ms / 500; i++) {
      now += 500
      t.mock.timers.tick(500)
    }
  }
  for (let i = 0; i < 10; i++) {
    moved += 1
    pass(9_500)
    assert.equal(stall.signal.aborted, false)
  }
  pass(1_000)
  assert.equal(stall.signal.aborted, true)
})
