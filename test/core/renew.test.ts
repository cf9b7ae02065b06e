import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClaiming, deadlineOf, fixSeqs, leasedUntil, tally } from '../../src/core/claim.ts'
import { sessionDigest } from '../../src/core/lease.ts'
import type { Renewed } from '../../src/core/messages.ts'
import { beatMs, onLost, onRenewed, onVoterDown, onVoterUp } from '../../src/core/renew.ts'
import { ballot, infoOf, leaseMs, ledgerId } from './fixtures.ts'
import { TestProposer } from './test-proposer.ts'

const task = [0, 1]
const drift = 0.98

function renewed(worker: TestProposer, from: string, more: Partial<Renewed> = {}): void {
  const beat = worker.proposer.beats.get(from)?.beat ?? 0
  const answer: Renewed = {
    type: 'renewed',
    beat,
    leaseMs,
    sendList: false,
    lost: [],
    elsewhere: [],
  }
  onRenewed(worker.proposer, worker.outbox, from, { ...answer, ...more }, worker.now)
}

function running(seqs = task): TestProposer {
  const worker = new TestProposer()
  worker.win(seqs)
  worker.beat()
  return worker
}

describe('the votes', () => {
  const claiming = (voters: readonly string[]) =>
    createClaiming({
      id: 1,
      info: infoOf(voters),
      ballot: ballot(1),
      intent: 'run',
      any: [],
      anyCount: 0,
      sequential: false,
      startedAt: 0,
      seqs: task,
      queue: '',
      cancel: undefined,
      hand: undefined,
      tries: 0,
    })
  const five = ['a', 'b', 'c', 'd', 'e']
  const cases = [
    { voters: 1, grants: 0b1, refusals: 0, verdict: 'won' },
    { voters: 1, grants: 0, refusals: 0b1, verdict: 'lost' },
    { voters: 3, grants: 0b1, refusals: 0, verdict: 'open' },
    { voters: 3, grants: 0b101, refusals: 0, verdict: 'won' },
    { voters: 3, grants: 0b1, refusals: 0b10, verdict: 'open' },
    { voters: 3, grants: 0b1, refusals: 0b110, verdict: 'lost' },
    { voters: 5, grants: 0b11, refusals: 0b100, verdict: 'open' },
    { voters: 5, grants: 0b111, refusals: 0b11000, verdict: 'won' },
    { voters: 5, grants: 0b11, refusals: 0b11100, verdict: 'lost' },
    { voters: 3, grants: 0, refusals: 0xff, verdict: 'lost' },
  ]
  for (const { voters, grants, refusals, verdict } of cases) {
    it(`${grants.toString(2)} for and ${refusals.toString(2)} against of ${voters}: ${verdict}`, () => {
      assert.equal(tally(claiming(five.slice(0, voters)), grants, refusals), verdict)
    })
  }

  it('keep a lease until the majority-th largest of what the voters granted', () => {
    const three = claiming(five.slice(0, 3))
    three.until.set([9_000, 2_000, 5_000])
    assert.equal(leasedUntil(three, 0b111), 5_000)
    assert.equal(leasedUntil(three, 0b011), 2_000)
    assert.equal(leasedUntil(three, 0b001), 0)
    const all = claiming(five)
    all.until.set([9, 2, 5, 0, 7])
    assert.equal(leasedUntil(all, 0b11111), 5)
    assert.equal(leasedUntil(all, 0b10110), 2)
    const none = claiming(five.slice(0, 3))
    none.until.set([9_000, 0, 0])
    assert.equal(leasedUntil(none, 0b111), 0)
  })

  it('are about the tasks that the first voter picked', () => {
    const any = claiming(five.slice(0, 3))
    fixSeqs(any, [4, 2])
    assert.deepEqual([any.count, any.open, any.live], [2, 2, 2])
  })
})

describe('the deadline of a run', () => {
  it('comes from the tentative grants until a majority has renewed', () => {
    const worker = running()
    const [claiming] = worker.proposer.claims.values()
    assert.ok(claiming !== undefined)
    assert.equal(deadlineOf(claiming), worker.now + 1_000 * drift)
    renewed(worker, 'v0')
    assert.equal(deadlineOf(claiming), worker.now + 1_000 * drift)
    renewed(worker, 'v1')
    assert.equal(deadlineOf(claiming), worker.now + leaseMs * drift)
  })

  it('counts from when the beat was sent, not from its answer', () => {
    const worker = running()
    const sentAt = worker.now
    const [claiming] = worker.proposer.claims.values()
    worker.now += 300
    renewed(worker, 'v0')
    renewed(worker, 'v1')
    assert.equal(claiming && deadlineOf(claiming), sentAt + leaseMs * drift)
  })

  it('is not moved by an answer to another beat, or one that wants the list', () => {
    const worker = running()
    const [claiming] = worker.proposer.claims.values()
    renewed(worker, 'v0', { beat: 99 })
    renewed(worker, 'v0', { sendList: true, leaseMs: 0 })
    assert.equal(claiming?.until[0], worker.now + 1_000 * drift)
  })

  it('passed: the run is stopped and the leases are given back', () => {
    const worker = running()
    worker.take()
    worker.tick(1_000 * drift)
    const effects = worker.take()
    const abort = effects.find(effect => effect.type === 'abort')
    assert.deepEqual([abort?.seqs, abort?.reason, abort?.token], [task, 'lease-lost', 1])
    const released = effects.flatMap(effect =>
      effect.type === 'send' && effect.message.type === 'release' ? [effect.to] : [],
    )
    assert.deepEqual(released, ['v0', 'v1', 'v2'])
    assert.equal(worker.proposer.claims.size, 0)
  })
})

describe('the deadline of one task of a claim', () => {
  // Seed 9509370: one of five voters said that it had lost a task of a claim, and renewed what else it had granted.
  // With that the task counted as leased by three, of which two had leased it, and ran twice at once.
  it('comes from the voters that have granted that task', () => {
    const worker = new TestProposer()
    const claiming = worker.win([0, 2])
    worker.answer('v2', claiming, { granted: [1, 1], grants: [1, 1] })
    worker.beat()
    renewed(worker, 'v1')
    renewed(worker, 'v2')
    worker.take()
    worker.tick(1_000 * drift)
    const aborted = worker.take().flatMap(effect => (effect.type === 'abort' ? [effect.seqs] : []))
    assert.deepEqual(aborted, [[0, 1]])
  })

  it('comes from the voters that have not said since that they have lost it', () => {
    const worker = new TestProposer()
    const claiming = worker.win([0, 2])
    worker.answer('v2', claiming)
    worker.beat()
    renewed(worker, 'v1')
    renewed(worker, 'v2', { lost: [{ ledger: ledgerId, claimId: claiming.id, seqs: [0, 1] }] })
    worker.take()
    worker.tick(1_000 * drift)
    const aborted = worker.take().flatMap(effect => (effect.type === 'abort' ? [effect.seqs] : []))
    assert.deepEqual(aborted, [[0, 1]])
  })
})

describe('a beat', () => {
  it('goes at once to each voter that granted, and confirms the claim there', () => {
    const worker = new TestProposer()
    const claiming = worker.win([0, 2])
    worker.take()
    worker.beat()
    const sent = worker.sentOf('renew')
    assert.deepEqual(
      sent.map(({ to, message }) => [to, message.confirmed, message.held]),
      [
        ['v0', [claiming.id], 2],
        ['v1', [claiming.id], 2],
      ],
    )
    const { digest } = sessionDigest([{ claimId: claiming.id, count: 2 }])
    assert.equal(sent[0]?.message.digest, digest)
  })

  it('follows after a third of the lease, and confirms nothing twice', () => {
    const worker = running()
    renewed(worker, 'v0')
    renewed(worker, 'v1')
    worker.take()
    worker.tick(leaseMs / 3 - 1)
    assert.deepEqual(worker.sentOf('renew'), [])
    worker.tick(1)
    const sent = worker.sentOf('renew')
    assert.deepEqual(
      sent.map(({ to, message }) => [to, message.confirmed]),
      [
        ['v0', []],
        ['v1', []],
      ],
    )
  })

  it('is sent again when nobody has answered it', () => {
    const worker = running()
    renewed(worker, 'v0')
    worker.take()
    worker.tick(beatMs)
    assert.deepEqual(
      worker.sentOf('renew').map(({ to }) => to),
      ['v1'],
    )
  })

  it('is sent at once to a voter that is back', () => {
    const worker = running()
    renewed(worker, 'v0')
    worker.take()
    onVoterUp(worker.proposer, worker.outbox, 'v0', worker.now)
    worker.beat()
    assert.deepEqual(
      worker.sentOf('renew').map(({ to }) => to),
      ['v0'],
    )
  })

  it('tells the whole list when it is asked for', () => {
    const worker = running([0, 2])
    worker.take()
    renewed(worker, 'v0', { sendList: true, leaseMs: 0 })
    const [sent] = worker.sentOf('renew')
    assert.deepEqual(sent?.message.list, [
      { ledger: ledgerId, claimId: 1, ballot: ballot(1), seqs: [0, 2] },
    ])
    assert.equal(sent.message.beat, 2)
  })

  it('names no run that has ended', () => {
    const worker = running([0, 2])
    renewed(worker, 'v0')
    renewed(worker, 'v1')
    const [claiming] = worker.proposer.claims.values()
    if (claiming !== undefined) worker.finish(claiming, [0, 1])
    worker.take()
    worker.tick(leaseMs / 3)
    assert.deepEqual(
      worker.sentOf('renew').map(({ message }) => message.held),
      [1, 1],
    )
  })
})

describe('the claims that a beat says to be decided', () => {
  const decidedAt = (worker: TestProposer, voter: string): number | undefined => {
    worker.beat()
    const sent = worker.sentOf('renew').find(({ to }) => to === voter)
    return sent?.message.decidedBelow
  }

  it('are those before the first one that its voter may have granted and that is not won', () => {
    const worker = new TestProposer()
    worker.win([0, 1])
    worker.take()
    const second = worker.claim([1, 1])
    worker.refuse('v0', second, 'held')
    worker.answer('v1', second)
    worker.take()
    for (const peer of ['v0', 'v1']) worker.proposer.beats.get(peer)?.waiting.splice(0)
    for (const beats of worker.proposer.beats.values()) beats.at = worker.now
    worker.beat()
    const said = worker.sentOf('renew').map(({ to, message }) => [to, message.decidedBelow])
    assert.deepEqual(said, [
      ['v0', 3],
      ['v1', 2],
    ])
    assert.equal(decidedAt(worker, 'v0'), undefined)
  })
})

describe('a lease that is lost', () => {
  const lost = [{ ledger: ledgerId, claimId: 1, seqs: [0, 1] }]

  it('with its voter before that has answered is given back once it is up', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    onVoterDown(worker.proposer, worker.outbox, 'v0', worker.now)
    onVoterUp(worker.proposer, worker.outbox, 'v0', worker.now)
    worker.take()
    worker.refuse('v1', claiming, 'held')
    assert.deepEqual(
      worker.sentOf('release').map(({ to }) => to),
      // The last one has not answered.
      ['v0', 'v2'],
    )
  })

  it('before its claim is won is given back, too: nothing has run', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming)
    onLost(worker.proposer, worker.outbox, 'v0', { type: 'lost', lost, cancelled: true })
    for (const peer of ['v1', 'v2']) worker.refuse(peer, claiming, 'held')
    const released = worker.sentOf('release').map(({ to, message }) => [to, message.seqs])
    assert.deepEqual(released, [['v0', task]])
  })

  it('at one voter of two stops the run: a majority no longer holds it', () => {
    const worker = running([0, 2])
    worker.take()
    onLost(worker.proposer, worker.outbox, 'v0', { type: 'lost', lost, cancelled: false })
    const abort = worker.take().find(effect => effect.type === 'abort')
    assert.deepEqual([abort?.seqs, abort?.reason], [[0, 1], 'lease-lost'])
    assert.equal(worker.proposer.claims.size, 1)
  })

  it('at one voter of three stops nothing', () => {
    const worker = running()
    const [claiming] = worker.proposer.claims.values()
    if (claiming !== undefined) worker.answer('v2', claiming)
    worker.take()
    onLost(worker.proposer, worker.outbox, 'v0', { type: 'lost', lost, cancelled: false })
    assert.deepEqual(worker.take(), [])
  })

  it('is told by the answer to a list as well', () => {
    const worker = running([0, 2])
    worker.take()
    renewed(worker, 'v0', { lost })
    assert.deepEqual(worker.take().find(effect => effect.type === 'abort')?.seqs, [0, 1])
  })

  it('by a cancel says so', () => {
    const worker = running()
    worker.take()
    onLost(worker.proposer, worker.outbox, 'v0', { type: 'lost', lost, cancelled: true })
    assert.equal(worker.take().find(effect => effect.type === 'abort')?.reason, 'cancelled')
  })

  it('by a cancel is not given back: nobody else is to run what is being cancelled', () => {
    const worker = running()
    worker.take()
    onLost(worker.proposer, worker.outbox, 'v0', { type: 'lost', lost, cancelled: true })
    assert.deepEqual(worker.sentOf('release'), [])
  })

  it('of a result that is being settled is only the lease', () => {
    const worker = running()
    const [claiming] = worker.proposer.claims.values()
    if (claiming !== undefined) worker.finish(claiming, task)
    worker.take()
    onLost(worker.proposer, worker.outbox, 'v0', { type: 'lost', lost, cancelled: false })
    assert.deepEqual(worker.take(), [])
    assert.equal(worker.proposer.claims.size, 1)
  })
})
