import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SystemClock } from '../../src/driver/clock.ts'

test('a clock calls back at the time asked for last, and not before', async () => {
  const clock = new SystemClock()
  const calls: string[] = []
  const { promise, resolve } = Promise.withResolvers<number>()
  clock.wake(clock.now() + 60_000, () => calls.push('replaced'))
  const early = clock.now() + 5
  clock.wake(early, () => calls.push('replaced, too'))
  const at = clock.now() + 15
  clock.wake(at, () => resolve(clock.now()))
  assert.ok((await promise) >= at)
  assert.deepEqual(calls, [])
  clock.stop()
})

test('a clock that was stopped calls nobody', async () => {
  const clock = new SystemClock()
  let isCalled = false
  clock.wake(clock.now(), () => {
    isCalled = true
  })
  clock.stop()
  const other = new SystemClock()
  await new Promise<void>(resolve => other.wake(other.now() + 5, resolve))
  assert.equal(isCalled, false)
})

test('the wall offset is what the monotonic clock lacks of the time of day', () => {
  const clock = new SystemClock()
  const difference = clock.now() + clock.wallOffsetMs() - Date.now()
  assert.ok(Math.abs(difference) < 1_000)
})
