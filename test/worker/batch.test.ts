import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import { fromSeqs, isCanonical, seqsOf } from '../../src/core/ranges.ts'
import { Batch } from '../../src/worker/batch.ts'
import { Claim } from '../../src/worker/claim.ts'
import { Lane } from '../../src/worker/lane.ts'
import { Results } from '../../src/worker/results.ts'
import { ledger, runOf } from './harness.ts'

const seqs = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 30 })
const lane = new Lane('a', { type: 'inline', definition: { name: 'a', run: () => 1 } }, 1)
const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b)

suite('columns of the worker', () => {
  test('a batch gives out what a plain list would, whatever is dropped meanwhile', () => {
    const drop = fc.record({ after: fc.nat(30), seqs })
    fc.assert(
      fc.property(seqs, fc.array(drop, { maxLength: 4 }), (all, drops) => {
        let list = sorted(all)
        const payloads = list.map(seq => JSON.stringify('é'.repeat(seq % 5) + seq))
        const texts = new Map(list.map((seq, i) => [seq, payloads[i]]))
        const run = runOf('a', payloads, { seqs: fromSeqs(list) })
        const batch = new Batch(run, new Claim(ledger, 1), lane)

        for (let taken = 0; list.length > 0; taken++) {
          for (const drop of drops.filter(drop => drop.after === taken)) {
            batch.drop(fromSeqs(sorted(drop.seqs)))
            list = list.filter(seq => !drop.seqs.includes(seq))
          }
          assert.deepEqual([...seqsOf(batch.rest())], list)
          assert.equal(batch.left, list.length)
          if (list.length === 0) break
          batch.take()
          assert.equal(batch.seq, list.shift())
          assert.equal(batch.payload, texts.get(batch.seq))
        }
      }),
    )
  })

  test('results in any order come out as canonical columns', () => {
    fc.assert(
      fc.property(seqs, order => {
        const results = new Results()
        for (const seq of order) results.add('done', seq, JSON.stringify('é'.repeat(seq % 4)))
        const [finished, ...more] = results.take(ledger, 1)
        assert.ok(finished !== undefined && more.length === 0 && results.empty)
        assert.ok(isCanonical(finished.seqs, 2 ** 32))
        assert.deepEqual([...seqsOf(finished.seqs)], sorted(order))
        let at = 0
        for (const [i, seq] of sorted(order).entries()) {
          const end = at + (finished.lengths[i] ?? 0)
          const body: unknown = JSON.parse(Buffer.from(finished.body.subarray(at, end)).toString())
          assert.equal(body, 'é'.repeat(seq % 4))
          at = end
        }
        assert.equal(at, finished.body.length)
      }),
    )
  })
})
