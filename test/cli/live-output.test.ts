import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { LiveOutput } from '../../src/cli/run/live-output.ts'
import type { OutputPiece } from '../../src/shell/frames.ts'

function piece(stream: 1 | 2, text: string): OutputPiece {
  return { stream, bytes: Buffer.from(text) }
}

/** Shows a run; returns what is shown of it, and whether all of the run is shown then. */
function show(live: LiveOutput, pieces: readonly OutputPiece[]): [string, string, boolean] {
  live.begin()
  const shown = { 1: '', 2: '' }
  for (const given of pieces) {
    for (const { stream, bytes } of live.next(given)) shown[stream] += Buffer.from(bytes).toString()
  }
  return [shown[1], shown[2], live.isWhole]
}

test('what was shown is not shown again, and what was not is', () => {
  const live = new LiveOutput()
  assert.deepEqual(show(live, [piece(1, 'ab'), piece(2, 'x')]), ['ab', 'x', true])
  assert.deepEqual(show(live, [piece(1, 'abc'), piece(2, 'xy')]), ['c', 'y', true])
  // The streams need not be cut, or mixed, as before.
  const other = [piece(2, 'xyz'), piece(1, 'a'), piece(1, 'bcd')]
  assert.deepEqual(show(live, other), ['d', 'z', true])
})

test('a run that writes something else is not shown', () => {
  const cases: readonly (readonly OutputPiece[])[] = [
    [piece(1, 'axc')],
    [piece(1, 'a'), piece(1, 'x'), piece(1, 'c')],
    // Less than before.
    [piece(1, 'a')],
    [],
    // The other stream.
    [piece(2, 'ab')],
  ]
  for (const pieces of cases) {
    const live = new LiveOutput()
    show(live, [piece(1, 'ab')])
    const [stdout, , isWhole] = show(live, pieces)
    assert.deepEqual([stdout, isWhole], ['', false])
  }
})

test('a run that comes after another one is compared with all that was shown', () => {
  const live = new LiveOutput()
  show(live, [piece(1, 'abcd')])
  assert.deepEqual(show(live, [piece(1, 'axcd'), piece(1, 'e')]), ['', '', false])
  assert.deepEqual(show(live, [piece(1, 'ab'), piece(1, 'cde')]), ['e', '', true])
})

test('however the same output is cut, it is shown once', () => {
  const cuts = fc.array(fc.nat(30))
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), fc.nat(30), cuts, (text, seen, cuts) => {
      const all = Buffer.from(text)
      const live = new LiveOutput()
      const shown: Buffer[] = []
      const take = (bytes: Buffer): void => {
        for (const fresh of live.next({ stream: 1, bytes })) shown.push(Buffer.from(fresh.bytes))
      }
      live.begin()
      take(all.subarray(0, seen))
      live.begin()
      let at = 0
      for (const cut of [...cuts.toSorted((a, b) => a - b), all.byteLength]) {
        take(all.subarray(at, cut))
        at = Math.max(at, cut)
      }
      assert.ok(live.isWhole)
      assert.equal(Buffer.concat(shown).toString(), text)
    }),
  )
})
