import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LostLease, Renewed } from '../../src/core/messages.ts'
import { onLost, onRenewed } from '../../src/core/renew.ts'
import { onSlept, revalidateMs } from '../../src/core/slept.ts'
import { leaseMs, ledgerId } from './fixtures.ts'
import { Harness } from './harness.ts'
import { TestProposer } from './test-proposer.ts'

const task = [0, 1]
const nightMs = 8 * 3_600_000

/** A worker that runs a task, with leases for `L`, and then sleeps. */
function slept(sleptMs = nightMs): TestProposer {
  const worker = new TestProposer()
  worker.win(task)
  worker.beat()
  for (const peer of ['v0', 'v1']) renew(worker, peer)
  worker.take()
  onSlept(worker.proposer, worker.outbox, sleptMs, worker.now)
  return worker
}

function renew(worker: TestProposer, from: string, beatsAgo = 0): void {
  const beat = (worker.proposer.beats.get(from)?.beat ?? 0) - beatsAgo
  const none = { sendList: false, lost: [], elsewhere: [] }
  const renewed: Renewed = { type: 'renewed', beat, leaseMs, ...none }
  onRenewed(worker.proposer, worker.outbox, from, renewed, worker.now)
}

/** Whether a run was stopped since the last call. */
function aborted(worker: TestProposer): boolean {
  return worker.take().some(({ type }) => type === 'abort')
}

describe('a machine that has slept', () => {
  it('asks every voter for its leases before anything else', () => {
    const worker = slept()
    const sent = worker.sent()
    assert.deepEqual(
      sent.map(({ to, message }) => `${to} ${message.type}`),
      ['v0 renew', 'v1 renew'],
    )
  })

  it('goes on with a run that a majority leases to it again, for as long as they say', () => {
    const worker = slept()
    for (const peer of ['v0', 'v1']) renew(worker, peer)
    worker.tick(revalidateMs)
    assert.equal(aborted(worker), false)
    worker.tick(leaseMs - revalidateMs)
    assert.equal(aborted(worker), true)
  })

  it('stops a run that nobody has leased to it again in time', () => {
    const worker = slept()
    worker.tick(revalidateMs - 1)
    assert.equal(aborted(worker), false)
    worker.tick(1)
    assert.equal(aborted(worker), true)
  })

  it('does not count the answer to a beat that it sent before', () => {
    const worker = slept()
    for (const peer of ['v0', 'v1']) renew(worker, peer, 1)
    worker.tick(revalidateMs)
    assert.equal(aborted(worker), true)
  })

  it('stops at once what somebody else has begun', () => {
    const worker = slept()
    const [claiming] = worker.proposer.claims.values()
    const lost: LostLease[] = [{ ledger: ledgerId, claimId: claiming?.id ?? 0, seqs: task }]
    for (const from of ['v0', 'v1']) {
      onLost(worker.proposer, worker.outbox, from, { type: 'lost', lost, cancelled: false })
    }
    assert.equal(aborted(worker), true)
  })

  it('keeps a lease that is longer than it has slept, whether somebody answers or not', () => {
    const worker = slept(5_000)
    worker.tick(revalidateMs)
    assert.equal(aborted(worker), false)
    worker.tick(leaseMs - 5_000)
    assert.equal(aborted(worker), true)
  })

  it('gives up what it was asking for: a grant that comes now is given back', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming)
    onSlept(worker.proposer, worker.outbox, nightMs, worker.now)
    assert.equal(worker.sentOf('release')[0]?.to, 'v0')
    worker.answer('v1', claiming)
    assert.equal(worker.sentOf('release')[0]?.to, 'v1')
    assert.equal(worker.proposer.claims.size, 0)
    assert.deepEqual(worker.proposer.news.won, [])
  })
})

describe('a clock that was set', () => {
  const cases = [
    { name: 'ahead by a second says nothing', ms: 1_000, asks: false },
    { name: 'ahead by more may be a sleep', ms: 1_001, asks: true },
    { name: 'back is no sleep', ms: -nightMs, asks: false },
  ]
  for (const { name, ms, asks } of cases) {
    it(name, () => {
      const cluster = new Harness([
        { peer: 'a', concurrency: 0 },
        { peer: 'b', concurrency: 0 },
        { peer: 'c', concurrency: 1 },
      ])
      cluster.run(8_000)
      cluster.publish('a', ['1'])
      cluster.run(2_000)
      assert.equal(cluster.runsOf('c').length, 1)
      const { voter, proposer } = cluster.node('c').machine
      const before = proposer.beats.get('a')?.beat
      const wallOffsetMs = voter.wallOffsetMs + ms
      cluster.setWall('c', wallOffsetMs)
      assert.equal(proposer.beats.get('a')?.beat !== before, asks)
      cluster.run(5_000)
      assert.equal(cluster.runsOf('c').length, 1, 'nobody else has begun it')
    })
  }
})
