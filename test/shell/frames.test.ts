import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FrameReader, frameOf, type OutputPiece } from '../../src/shell/frames.ts'
import { pathInside } from '../../src/shell/path.ts'

/** The pieces of each stream in one. */
function textsOf(pieces: readonly OutputPiece[]): string[] {
  return [1, 2].map(wanted => {
    const bytes = pieces.filter(({ stream }) => stream === wanted).map(piece => piece.bytes)
    return Buffer.concat(bytes).toString('hex')
  })
}

const stream = fc.constantFrom<1 | 2>(1, 2)
const piece = fc.record({ stream, bytes: fc.uint8Array({ maxLength: 40 }) })

test('frames give back what was written, wherever they are cut', () => {
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(400)), (pieces, cuts) => {
      const all = Buffer.concat(pieces.map(frameOf))
      const reader = new FrameReader()
      const read: OutputPiece[] = []
      let at = 0
      for (const cut of cuts.toSorted((a, b) => a - b)) {
        if (cut > all.byteLength) break
        read.push(...reader.read(all.subarray(at, cut)))
        at = cut
      }
      read.push(...reader.read(all.subarray(at)))
      assert.deepEqual(textsOf(read), textsOf(pieces))
    }),
  )
})

test('what is no frame is refused', () => {
  assert.throws(() => new FrameReader().read(Uint8Array.of(3, 0, 0, 0, 1, 9)), /not in frames/)
})

test('paths lead below a folder, or are refused', () => {
  const inside = [
    ['a', 'a'],
    ['./a', 'a'],
    ['a/b.c', 'a/b.c'],
    ['a//b', 'a/b'],
    ['a/../b', 'b'],
    ['..a', '..a'],
    ['a/..b/c', 'a/..b/c'],
    ['-n', '-n'],
    ['a b\n', 'a b\n'],
  ] as const
  for (const [path, short] of inside) assert.equal(pathInside(path), short)
  const outside = ['', '.', './', '..', '../a', 'a/../..', 'a/../../b', '/a', '/', 'a/', 'a\0b']
  for (const path of [...outside, 'x'.repeat(4_097)]) {
    assert.equal(pathInside(path), undefined, path)
  }
})
