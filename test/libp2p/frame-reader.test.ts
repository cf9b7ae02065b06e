import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { FrameReader, lengthBytes, writeLength } from '../../src/libp2p/frame-reader.ts'

const maxBytes = 1_000

function framed(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    frames.map(frame => {
      const head = new Uint8Array(lengthBytes(frame.byteLength))
      assert.equal(writeLength(head, 0, frame.byteLength), head.byteLength)
      return Buffer.concat([head, frame])
    }),
  )
}

function read(chunks: readonly Uint8Array[]): Uint8Array[] {
  const reader = new FrameReader(maxBytes)
  const frames: Uint8Array[] = []
  for (const chunk of chunks) reader.push(chunk, frame => frames.push(frame))
  return frames
}

describe('FrameReader', () => {
  test('finds the same frames however the bytes are cut', () => {
    const frame = fc.uint8Array({ maxLength: 300 })
    const cuts = fc.array(fc.nat({ max: 2_000 }), { maxLength: 20 })
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), cuts, (frames, cuts) => {
        const bytes = framed(frames)
        const edges = [0, ...cuts.map(cut => Math.min(cut, bytes.byteLength)), bytes.byteLength]
        const sorted = edges.toSorted((a, b) => a - b)
        const chunks = sorted.slice(1).map((edge, i) => bytes.subarray(sorted[i], edge))
        assert.deepEqual(read(chunks), frames)
      }),
    )
  })

  test('keeps nothing of a chunk, whose memory is used again', () => {
    const chunk = framed([Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)])
    const reader = new FrameReader(maxBytes)
    const frames: Uint8Array[] = []
    reader.push(chunk.subarray(0, 6), frame => frames.push(frame))
    chunk.fill(0, 0, 6)
    reader.push(chunk.subarray(6), frame => frames.push(frame))
    assert.deepEqual(frames, [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)])
  })

  test('reads a chunk that comes in several pieces', () => {
    const bytes = framed([Uint8Array.of(1, 2, 3)])
    const reader = new FrameReader(maxBytes)
    const frames: Uint8Array[] = []
    reader.push([bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3)], frame =>
      frames.push(frame),
    )
    assert.deepEqual(frames, [Uint8Array.of(1, 2, 3)])
  })

  const malformed = [
    { name: 'one byte over the limit', bytes: [0xe9, 0x07] },
    { name: 'far over the limit', bytes: [0xff, 0xff, 0xff, 0x7f] },
    { name: 'a length that never ends', bytes: [0x80, 0x80, 0x80, 0x80] },
  ]
  for (const { name, bytes } of malformed) {
    test(`refuses ${name} and has stored nothing for it`, () => {
      const reader = new FrameReader(maxBytes)
      const push = (): void => reader.push(Uint8Array.from(bytes), () => assert.fail())
      assert.throws(push, { name: 'InvalidMessageError' })
      assert.equal(reader.heldBytes, 0)
    })
  }

  test('takes a frame of exactly the limit', () => {
    const frame = new Uint8Array(maxBytes).fill(7)
    assert.deepEqual(read([framed([frame])]), [frame])
  })
})
