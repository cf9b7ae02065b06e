import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  createLedger,
  makeNoneReady,
  makeReady,
  makeUnready,
  specAt,
} from '../../src/core/ledger.ts'
import { infoOf, plainSpec } from './fixtures.ts'

const specs = 4

const operation = fc.record({
  what: fc.constantFrom('ready', 'unready', 'none'),
  spec: fc.nat({ max: specs - 1 }),
  first: fc.nat({ max: 30 }),
  count: fc.nat({ max: 8 }),
  dueAt: fc.constantFrom(0, 2_000),
})

test('a ledger names the specs that have tasks ready, ascending', () => {
  fc.assert(
    fc.property(fc.array(operation, { size: '+1' }), operations => {
      const ledger = createLedger(infoOf(['v0']), 0, 16, 0)
      for (let i = 0; i < specs; i++) specAt(ledger, { ...plainSpec, priority: i })
      for (const { what, spec, first, count, dueAt } of operations) {
        if (what === 'ready') makeReady(ledger, spec, first, count, dueAt, 1_000)
        else if (what === 'unready') makeUnready(ledger, spec, first, count)
        else makeNoneReady(ledger)
        const some = ledger.ready.flatMap((ready, index) => (ready.length > 0 ? [index] : []))
        assert.deepEqual(ledger.readySpecs, some)
      }
    }),
  )
})
