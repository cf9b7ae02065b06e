import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { FrameReader } from '../../src/libp2p/frame-reader.ts'
import { Outbox } from '../../src/libp2p/outbox.ts'
import { streamsOf } from './streams.ts'
import { until } from './until.ts'

const kibibyte = 1_024

/** A stream whose writes are counted, in bytes. */
async function pair(t: TestContext): Promise<{ near: Stream; far: Stream; writes: number[] }> {
  const { near, far } = await streamsOf(t)
  const writes: number[] = []
  const send = near.send.bind(near)
  near.send = data => {
    writes.push(data.byteLength)
    return send(data)
  }
  return { near, far, writes }
}

function outboxOn(
  near: Stream,
  bufferBytesMax = 64 * 1_024 * kibibyte,
): { outbox: Outbox; failures: Error[] } {
  const failures: Error[] = []
  const init = { writeBytesMax: 64 * kibibyte, bufferBytesMax }
  return {
    outbox: new Outbox(near, { ...init, onFailed: error => failures.push(error) }),
    failures,
  }
}

function collect(far: Stream): Uint8Array[] {
  const frames: Uint8Array[] = []
  const reader = new FrameReader(1_024 * kibibyte)
  far.addEventListener('message', event => reader.push(event.data, frame => frames.push(frame)))
  return frames
}

describe('Outbox', () => {
  test('the frames of one turn leave in one write', async t => {
    const { near, far, writes } = await pair(t)
    const { outbox } = outboxOn(near)
    const frames = collect(far)
    for (let i = 0; i < 100; i++) outbox.push(Uint8Array.of(i, i))
    assert.deepEqual(writes, [])
    await until(() => frames.length === 100, 'all frames arrive')
    assert.deepEqual(writes, [300])
    assert.deepEqual(frames[99], Uint8Array.of(99, 99))
  })

  test('a write has at most 64 KiB, and a larger frame is written alone', async t => {
    const { near, far, writes } = await pair(t)
    const { outbox } = outboxOn(near)
    const frames = collect(far)
    const sizes = [30, 30, 30, 100, 1].map(size => size * kibibyte)
    for (const size of sizes) outbox.push(new Uint8Array(size).fill(size / kibibyte))
    await until(() => frames.length === sizes.length, 'all frames arrive')
    assert.deepEqual(
      frames.map(frame => frame.byteLength),
      sizes,
    )
    assert.deepEqual(writes, [
      60 * kibibyte + 6,
      30 * kibibyte + 3,
      100 * kibibyte + 3,
      kibibyte + 2,
    ])
  })

  test('it waits for every drain, not only for the first', async t => {
    const { near, far } = await pair(t)
    const { outbox } = outboxOn(near)
    const frames = collect(far)
    const frame = new Uint8Array(60 * kibibyte)
    let worst = 0
    near.addEventListener('drain', () => {
      worst = Math.max(worst, near.writeBufferLength)
    })
    // Several times the window, so that it is used up again and again.
    for (let i = 0; i < 200; i++) outbox.push(frame)
    await until(() => frames.length === 200, 'all frames arrive')
    assert.ok(worst <= 128 * kibibyte, `${worst} bytes waited in the stream`)
    assert.equal(outbox.waitingBytes, 0)
  })

  test('a peer that does not read cannot make it keep more than its limit', async t => {
    const { near, far } = await pair(t)
    const { outbox, failures } = outboxOn(near, 1_024 * kibibyte)
    far.addEventListener('message', () => {})
    far.pause()
    for (let i = 0; i < 100 && failures.length === 0; i++) {
      outbox.push(new Uint8Array(60 * kibibyte))
      await Promise.resolve()
      assert.ok(outbox.waitingBytes <= 1_084 * kibibyte)
    }
    assert.match(failures[0]?.message ?? '', /does not read/)
    outbox.push(new Uint8Array(60 * kibibyte))
    assert.equal(failures.length, 1)
  })

  test('what waits leaves before the stream is closed', async t => {
    const { near, far } = await pair(t)
    const { outbox } = outboxOn(near)
    const frames = collect(far)
    for (let i = 0; i < 20; i++) outbox.push(new Uint8Array(60 * kibibyte))
    outbox.finish()
    await near.close({ signal: AbortSignal.timeout(5_000) })
    await until(() => frames.length === 20, 'all frames arrive')
  })
})
