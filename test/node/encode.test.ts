import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LargeValue } from '../../src/blobs/large-value.ts'
import { BlobContent } from '../../src/blobs/mesh-blob.ts'
import { type Columns, encodeInputs } from '../../src/encode.ts'

/** The inputs that columns hold. */
async function decode(columns: AsyncIterable<Columns>): Promise<unknown[]> {
  const inputs: unknown[] = []
  for await (const { lengths, payload } of columns) {
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
  it('keeps every input in its place', async () => {
    const inputs = [1, 'é€😀', { a: [null, true] }, '', [], -0.5]
    assert.deepEqual(await decode(encodeInputs('q', inputs)), inputs)
  })

  it('publishes no input as null', async () => {
    assert.deepEqual(await decode(encodeInputs('q', [undefined])), [null])
  })

  it('takes no more than a thousand tasks, and a mebibyte, at a time', async () => {
    const inputs = Array.from({ length: 2_500 }, (_, i) => i)
    const small = await Array.fromAsync(encodeInputs('q', inputs))
    assert.deepEqual(
      small.map(({ lengths }) => lengths.length),
      [1_000, 1_000, 500],
    )
    const large = Array.from({ length: 40 }, () => 'x'.repeat(60_000))
    for await (const { payload } of encodeInputs('q', large)) {
      assert.ok(payload.length < (1 << 20) + 65_536)
    }
    assert.equal((await decode(encodeInputs('q', large))).length, 40)
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
    it(`names the place of ${what}, which is not JSON`, async () => {
      await assert.rejects(Array.fromAsync(encodeInputs('resize', [1, 2, input])), {
        name: 'InvalidInputError',
        queue: 'resize',
        index: 2,
        message: /^Input 2 for resize cannot be published: it is not JSON/,
      })
    })
  }

  it('takes 64 KiB and names the limit for more', async () => {
    assert.equal((await decode(encodeInputs('q', ['x'.repeat(65_534)]))).length, 1)
    await assert.rejects(Array.fromAsync(encodeInputs('q', ['x'.repeat(65_535)])), {
      name: 'PayloadTooLargeError',
      payloadBytes: 65_537,
      limitBytes: 65_536,
      message: /over the limit of 65536 bytes \(maxPayloadBytes\)/,
    })
  })
  it('gives what is larger away, and bytes, and puts in what comes back', async () => {
    const away: [number, LargeValue][] = []
    const large = 'x'.repeat(65_535)
    const bytes = Buffer.from('bytes')
    const blob = new BlobContent({ hash: 'ab', size: 3, async *read() {} })
    const inputs = [1, large, bytes, { blob, again: [blob] }, 2]
    const all = encodeInputs('q', inputs, async (index, value) => {
      away.push([index, value])
      return Uint8Array.of(0, index)
    })
    const [columns] = await Array.fromAsync(all)
    assert.deepEqual([...(columns?.lengths ?? [])], [1, 2, 2, 2, 1])
    assert.deepEqual([...(columns?.payload ?? [])], [0x31, 0, 1, 0, 2, 0, 3, 0x32])
    const named = '{"size":3,"hash":"ab"}'
    assert.deepEqual(away, [
      [1, { type: 'json', text: JSON.stringify(large), blobs: [] }],
      [2, { type: 'raw', source: bytes }],
      [3, { type: 'json', text: `{"blob":${named},"again":[${named}]}`, blobs: [blob] }],
    ])
  })
})
