import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onClaimed, openClaim } from '../../src/core/ask.ts'
import type { Message, Refusal } from '../../src/core/messages.ts'
import { onCompare, onFetch } from '../../src/core/voter-compare.ts'
import { onObserve } from '../../src/core/voter-seal.ts'
import { chunkOf, grantOf, ledgerId, TestVoter, votingProposer } from './fixtures.ts'

/** A producer's voter whose record of one task is in entry 2. */
function setup() {
  const own = TestVoter.holding(0)
  own.store(chunkOf(0, ['a']))
  assert.equal(own.outbox.lsn, 2)
  const sent = (...types: Message['type'][]) =>
    own.take().filter(({ message }) => types.includes(message.type))
  return { own, sent }
}

const ofLedger = { ledger: ledgerId, epoch: 0 }

/*
 * After a crash a producer ends its ledger behind the last record that it has itself. So none may
 * be with others that it can still lose.
 */
describe('a record leaves its producer once it is durable there', () => {
  it('to a fellow voter that lacks it', () => {
    const { own, sent } = setup()
    const compare = { type: 'compare', ...ofLedger, counter: 0, end: -1 } as const
    onCompare(own.voter, own.outbox, 'v1', { ...compare, stored: [], settled: [] }, own.now)
    assert.deepEqual(
      sent('store').map(({ after }) => after),
      [2],
    )
  })

  it('to a worker that fetches it', () => {
    const { own, sent } = setup()
    const fetch = { type: 'fetch', ...ofLedger, what: 'records', seqs: [0, 1] } as const
    onFetch(own.voter, own.outbox, 'w', fetch, own.now)
    assert.deepEqual(
      sent('records').map(({ after }) => after),
      [2],
    )
  })

  it('to a newcomer that copies the ledger', () => {
    const { own, sent } = setup()
    const observe = { type: 'observe', ...ofLedger, from: 0, to: 10, stored: [], settled: [] }
    onObserve(own.voter, own.outbox, 'v3', { ...observe, type: 'observe' }, own.now)
    assert.deepEqual(
      sent('state').map(({ after }) => after),
      [2],
    )
  })

  it('to a voter that is asked for it, as is the question', () => {
    const { own, sent } = setup()
    const proposer = votingProposer(own)
    const want = { info: own.info, intent: 'run', seqs: [0, 1], any: [], anyCount: 0 } as const
    const rest = { sequential: false, queue: 'hash', hand: undefined, tries: 0 }
    openClaim(proposer, own.outbox, { ...want, ...rest, cancel: undefined }, own.now)
    const claims = sent('claim')
    assert.deepEqual(
      claims.map(({ to, after }) => [to, after]),
      [
        ['v1', 2],
        ['v2', 2],
        ['v0', 0],
      ],
    )
    const asked = claims[0]?.message
    assert.ok(asked?.type === 'claim')
    const missing: Refusal = { reason: 'missing', seqs: [0, 1], ms: 0, counter: 0 }
    const answer = grantOf(asked, { granted: [], grants: [], refused: [missing] })
    onClaimed(proposer, own.outbox, 'v1', answer, own.now)
    assert.deepEqual(
      sent('store', 'claim').map(({ message, after }) => [message.type, after]),
      [
        ['store', 2],
        ['claim', 2],
      ],
    )
  })
})
