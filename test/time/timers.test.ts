import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { systemTimers } from '../../src/time/system-timers.ts'
import { delay, type Timers, turn } from '../../src/time/timers.ts'

/** Timers that go off when they are told to. */
class TestTimers implements Timers {
  readonly due: (() => void)[] = []
  cancelled = 0
  now = (): number => 0
  wallNow = (): number => 0
  timeout = (): AbortSignal => new AbortController().signal

  after(_ms: number, callback: () => void): () => void {
    this.due.push(callback)
    return () => {
      this.cancelled++
    }
  }

  soon(callback: () => void): () => void {
    return this.after(0, callback)
  }
}

describe('a delay', () => {
  it('ends with its timer', async () => {
    const timers = new TestTimers()
    const waiting = delay(timers, 5)
    timers.due[0]?.()
    await waiting
  })

  it('ends with its signal, for the reason that this has, and takes its timer back', async () => {
    const timers = new TestTimers()
    const controller = new AbortController()
    const waiting = delay(timers, 5, controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    assert.equal(timers.cancelled, 1)
    await assert.rejects(delay(timers, 5, controller.signal), /enough/)
    assert.equal(timers.due.length, 1)
  })

  it('of no time at all is a turn', async () => {
    const timers = new TestTimers()
    const waiting = turn(timers)
    timers.due[0]?.()
    await waiting
  })
})

describe("the system's timers", () => {
  it('wait for longer than one timer of Node can, and can be taken back at any time', () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      let calls = 0
      const ms = 2 ** 31 + 1_000
      systemTimers.after(ms, () => calls++)
      const cancel = systemTimers.after(ms, () => calls++)
      mock.timers.tick(2 ** 31 - 1)
      cancel()
      mock.timers.tick(1_000)
      assert.equal(calls, 0)
      mock.timers.tick(1)
      assert.equal(calls, 1)
    } finally {
      mock.timers.reset()
    }
  })
})
