import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { linesOf } from '../../src/cli/lines.ts'

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

test('lines are the same however the bytes are cut', async () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).filter(text => !/[\r\n]/.test(text))
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 7 }), async (lines, size) => {
      const bytes = Buffer.from(lines.map(text => `${text}\n`).join(''))
      async function* cut(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
      }
      const read = await Array.fromAsync(linesOf(cut(), 1_000))
      assert.deepEqual(read.flat(), lines)
    }),
  )
})

test('what comes together is handed on together, and the last line needs no line feed', async () => {
  const read = await Array.fromAsync(linesOf(pieces('a\nb\nc', 'd\r\ne'), 10))
  assert.deepEqual(read, [['a', 'b'], ['cd'], ['e']])
})

test('a line over the limit is refused before it is held', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('short\n')
    for (;;) yield Buffer.alloc(1_000, 'x')
  }
  await assert.rejects(Array.fromAsync(linesOf(endless(), 10_000)), {
    name: 'LineTooLongError',
    message: 'Line 2 is longer than 10000 bytes',
  })
})
