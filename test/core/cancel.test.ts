import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onClaimed, openClaim } from '../../src/core/ask.ts'
import { answerCancels, endUntoldCancels } from '../../src/core/proposer.ts'
import { onAccepted } from '../../src/core/settle.ts'
import { ballot, bytes, grantOf, TestVoter, valuesOf, votingProposer } from './fixtures.ts'
import { Harness } from './harness.ts'

const task = [0, 1]

/** A canceller that votes, has accepted its own value, and hears that the task is settled. */
function overtaken() {
  const own = TestVoter.holding(1)
  const proposer = votingProposer(own)
  const want = { info: own.info, intent: 'cancel', seqs: task, any: [], anyCount: 0 } as const
  const rest = { sequential: false, queue: '', hand: undefined, tries: 0 }
  const cancel = { request: 7, reason: bytes('no') }
  const claiming = openClaim(proposer, own.outbox, { ...want, ...rest, cancel }, own.now)
  for (const { to, message } of own.take()) {
    if (message.type !== 'claim') continue
    const granted =
      to === 'v0'
        ? own.claim(message.ballot, message.seqs, { claimId: message.claimId, intent: 'cancel' })
        : grantOf(message)
    if (to !== 'v2') onClaimed(proposer, own.outbox, to, granted, own.now)
  }
  own.take()
  assert.equal(own.register(0).accepted.counter, claiming.ballot.counter)
  const answer = { type: 'accepted', ledger: own.info.ledger, epoch: 0 } as const
  const none = { accepted: [], behind: [], missing: [] }
  const settled = { ...answer, ...none, counter: 9, ballot: claiming.ballot, settled: task }
  onAccepted(proposer, own.outbox, 'v1', settled, own.now)
  return { own, proposer }
}

describe('a cancel whose task is settled elsewhere', () => {
  it('says nothing of what only this node has accepted, and asks how it ended', () => {
    const { own, proposer } = overtaken()
    assert.deepEqual(proposer.news.cancelEnded, [])
    const [fetch] = own.take().filter(({ message }) => message.type === 'fetch')
    assert.equal(fetch?.to, 'v1')
  })

  for (const kind of ['done', 'cancelled'] as const) {
    it(`is answered when it is known: ${kind}`, () => {
      const { own, proposer } = overtaken()
      own.decide(ballot(9), valuesOf(task, kind, 'x'))
      for (const { ledger, values } of own.voter.decisions) answerCancels(proposer, ledger, values)
      const [cancelled, tooLate] = kind === 'cancelled' ? [task, []] : [[], task]
      assert.deepEqual(proposer.news.cancelEnded, [{ request: 7, cancelled, tooLate }])
      assert.deepEqual(proposer.cancelWaits, [])
    })
  }
})

describe('a cancel that waits for an outcome', () => {
  it('is answered when the votes go to others, as nobody tells this node any more', () => {
    const { own, proposer } = overtaken()
    endUntoldCancels(proposer)
    assert.deepEqual(proposer.news.cancelEnded, [])
    own.ledger.office = 'observer'
    endUntoldCancels(proposer)
    assert.deepEqual(proposer.news.cancelEnded, [{ request: 7, cancelled: [], tooLate: task }])
    assert.deepEqual(proposer.cancelWaits, [])
  })
})

describe('a cancel of many tasks', () => {
  it('is put into claims whose values fit one entry', () => {
    const cluster = new Harness([{ peer: 'a', concurrency: 0 }])
    const count = 2_000
    cluster.publish('a', new Array<string>(count).fill('x'))
    const [ledger] = cluster.node('a').machine.voter.ledgers.keys()
    assert.ok(ledger !== undefined)
    cluster.cancel('a', ledger, [0, count])
    cluster.run(1_000)
    const accepted = cluster.node('a').entries.filter(entry => entry.type === 'accepted')
    const sizes = accepted.flatMap(({ values }) => values.map(({ lengths }) => lengths.length))
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      count,
    )
    assert.ok(Math.max(...sizes) <= 1_024)
    assert.deepEqual(cluster.node('a').machine.voter.ledgers.get(ledger)?.settled, [0, count])
  })
})
