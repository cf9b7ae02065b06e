import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { Inbox } from '../../src/libp2p/inbox.ts'
import { Outbox } from '../../src/libp2p/outbox.ts'
import { streamsOf } from './streams.ts'
import { until } from './until.ts'

const kibibyte = 1_024
const limits = {
  maxFrameBytes: 512 * kibibyte,
  pendingFramesMax: 8,
  pendingBytesMax: 1_024 * kibibyte,
}

/** What is read and not handled: the limit, and the receive window that it may be passed by. */
const heldMax = limits.pendingBytesMax + 1_024 * kibibyte + limits.maxFrameBytes

interface Pending {
  readonly frame: Uint8Array
  readonly finish: () => void
}

/** A reader that handles frames only when the test says so. */
async function slowReader(t: TestContext) {
  const { near, far, roundTrips } = await streamsOf(t)
  const failures: Error[] = []
  const pending: Pending[] = []
  const inbox = new Inbox(far, {
    ...limits,
    onFrame: frame => {
      const { promise, resolve } = Promise.withResolvers<void>()
      pending.push({ frame, finish: resolve })
      return promise
    },
    onFailed: error => failures.push(error),
  })
  const fail = (error: Error): void => void failures.push(error)
  const init = { writeBytesMax: 64 * kibibyte, bufferBytesMax: 256 * 1_024 * kibibyte }
  const outbox = new Outbox(near, { ...init, onFailed: fail })
  const closed: (Error | undefined)[] = []
  far.addEventListener('close', event => closed.push(event.error))
  return { near, far, roundTrips, inbox, outbox, pending, failures, closed }
}

describe('Inbox', () => {
  test('it reads nothing more while the handling of frames is pending, and breaks nothing', async t => {
    const { near, far, inbox, outbox, pending, closed } = await slowReader(t)
    const total = 300
    for (let i = 0; i < total; i++) outbox.push(new Uint8Array(60 * kibibyte).fill(i))
    await until(() => far.readStatus === 'paused', 'reading stops')
    await until(() => near.writableNeedsDrain, 'the sender is held back')
    let handled = 0
    while (handled < total) {
      await until(() => pending.length > 0, `frame ${handled} arrives`)
      assert.ok(inbox.heldBytes <= heldMax, `${inbox.heldBytes} bytes are held`)
      assert.ok(far.readBufferLength <= far.maxReadBufferLength)
      const { frame, finish } = pending.shift() as Pending
      assert.equal(frame[0], handled % 256)
      finish()
      handled++
    }
    assert.deepEqual(closed, [])
    await until(() => inbox.heldBytes === 0, 'nothing is held')
  })

  test('frames that are taken in while it resumes do not open the window of a full reader', async t => {
    const { far, roundTrips, inbox, outbox, pending, closed } = await slowReader(t)
    for (let i = 0; i < 400; i++) outbox.push(new Uint8Array(60 * kibibyte))
    for (let round = 0; round < 5; round++) {
      await until(() => far.readStatus === 'paused', 'reading stops')
      await roundTrips(20)
      // It resumes, and what was buffered meanwhile fills it up again at once.
      for (const { finish } of pending.splice(0)) finish()
      await until(() => pending.length > 0, 'reading goes on')
      assert.ok(inbox.heldBytes <= heldMax, `${inbox.heldBytes} bytes are held`)
    }
    assert.deepEqual(closed, [])
  })

  test('many small frames count, too', async t => {
    const { far, outbox, pending } = await slowReader(t)
    for (let i = 0; i < 100; i++) outbox.push(Uint8Array.of(i))
    await until(() => far.readStatus === 'paused', 'reading stops')
    assert.equal(pending.length, 100)
    for (const { finish } of pending) finish()
    await until(() => far.readStatus === 'readable', 'reading goes on')
  })

  test('it ends at the first frame that cannot be handled', async t => {
    const { near, far } = await streamsOf(t)
    const frames: number[] = []
    const failures: string[] = []
    const inbox = new Inbox(far, {
      ...limits,
      onFrame: frame => {
        frames.push(frame[0] ?? -1)
        if (frame[0] === 2) throw new Error('no good')
      },
      onFailed: error => failures.push(error.message),
    })
    near.send(Uint8Array.of(1, 1, 1, 2, 1, 3))
    await until(() => failures.length > 0, 'it fails')
    assert.deepEqual([frames, failures], [[1, 2], ['no good']])
    inbox.close()
  })

  test('it ends at a length that is too large', async t => {
    const { near, failures, pending } = await slowReader(t)
    near.send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
    await until(() => failures.length > 0, 'it fails')
    assert.equal(failures[0]?.name, 'InvalidMessageError')
    assert.equal(pending.length, 0)
  })
})
