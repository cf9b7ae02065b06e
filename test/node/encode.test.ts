import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeInputs } from '../../src/encode.ts'

/** The inputs that columns hold. */
function decode(columns: Iterable<{ lengths: Uint32Array; payload: Uint8Array }>): unknown[] {
  const inputs: unknown[] = []
  for (const { lengths, payload } of columns) {
    let at = 0
    for (const length of lengths) {
      inputs.push(JSON.parse(Buffer.from(payload.subarray(at, at + length)).toString()))
      at += length
    }
    assert.equal(at, payload.length)
  }
  return inputs
}

describe('encodeInputs', () => {
  it('keeps every input in its place', () => {
    const inputs = [1, 'é€😀', { a: [null, true] }, '', [], -0.5]
    assert.deepEqual(decode(encodeInputs('q', inputs)), inputs)
  })

  it('publishes no input as null', () => {
    assert.deepEqual(decode(encodeInputs('q', [undefined])), [null])
  })

  it('takes no more than a thousand tasks, and a mebibyte, at a time', () => {
    const small = [
      ...encodeInputs(
        'q',
        Array.from({ length: 2_500 }, (_, i) => i),
      ),
    ]
    assert.deepEqual(
      small.map(({ lengths }) => lengths.length),
      [1_000, 1_000, 500],
    )
    const large = Array.from({ length: 40 }, () => 'x'.repeat(60_000))
    for (const { payload } of encodeInputs('q', large)) {
      assert.ok(payload.length < (1 << 20) + 65_536)
    }
    assert.equal(decode(encodeInputs('q', large)).length, 40)
  })

  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  const bad: readonly (readonly [string, unknown])[] = [
    ['a cycle', cyclic],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
  ]
  for (const [what, input] of bad) {
    it(`names the place of ${what}, which is not JSON`, () => {
      assert.throws(() => [...encodeInputs('resize', [1, 2, input])], {
        name: 'InvalidInputError',
        queue: 'resize',
        index: 2,
        message: /^Input 2 for resize cannot be published: it is not JSON/,
      })
    })
  }

  it('takes 64 KiB and names the limit for more', () => {
    assert.equal(decode(encodeInputs('q', ['x'.repeat(65_534)])).length, 1)
    assert.throws(() => [...encodeInputs('q', ['x'.repeat(65_535)])], {
      name: 'PayloadTooLargeError',
      payloadBytes: 65_537,
      limitBytes: 65_536,
      message: /over the limit of 65536 bytes \(maxPayloadBytes\)/,
    })
  })
})
