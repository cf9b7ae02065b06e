import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import * as fc from 'fast-check'
import type { Entry } from '../../src/core/entries.ts'
import { createMachine, replay, start } from '../../src/core/machine.ts'
import { sessionDigest } from '../../src/core/lease.ts'
import type { Intent } from '../../src/core/messages.ts'
import { checkpointVoter } from '../../src/core/checkpoint.ts'
import { recoverVoter, replayVoter } from '../../src/core/recovery.ts'
import { peerOf } from '../../src/core/ids.ts'
import { onElect } from '../../src/core/voter-elect.ts'
import { reserveCounters } from '../../src/core/voter-claim.ts'
import { tentativeMs, valuesOf as heldValues } from '../../src/core/voter.ts'
import {
  ballot,
  bodyOf,
  chunkOf,
  infoOf,
  leaseMs,
  ledgerId,
  TestVoter,
  valuesOf,
} from './fixtures.ts'

const tasks = 4

/** The voter that a journal makes, after its restart. */
function replayed(entries: readonly Entry[], now: number, epoch = 0): TestVoter {
  const voter = new TestVoter()
  voter.info = { ...voter.info, epoch }
  voter.now = now
  for (const entry of entries) replayVoter(voter.voter, entry, 0, now)
  recoverVoter(voter.voter, 'v0.2', true, now)
  return voter
}

/** What a voter would say of each of its tasks. */
function knows(voter: TestVoter): unknown {
  const registers = Array.from({ length: tasks }, (_, seq) => {
    const { state, grants, accepted } = voter.register(seq)
    const values = heldValues(voter.ledger, [seq, 1])
    const value = values.map(value => `${value.kind} ${value.failures} ${bodyOf(value)}`).join()
    // Grants count only while a task is open.
    const failed = state === 1 && values.some(({ kind }) => kind === 'pending')
    const dueAt = failed ? (voter.ledger.retryAt.get(seq) ?? 0) : 0
    const waitMs = Math.max(0, dueAt - voter.now)
    return { state, accepted, value, waitMs, grants: state === 1 ? grants : 0 }
  })
  const { stored, settled, end, info, office, succession } = voter.ledger
  const sets = { stored: [...stored], settled: [...settled] }
  return { registers, ...sets, end, info, office, succession, bytes: voter.voter.bytes }
}

/** Who holds what. */
function leasesOf(voter: TestVoter): string[] {
  return [...voter.voter.leases.byId.values()]
    .map(({ holder, claimId, seqs, until }) => `${holder} ${claimId} ${seqs.join()} ${until}`)
    .sort()
}

const operations = [
  ...(['store', 'claim', 'claim', 'settle', 'retry', 'decide', 'release', 'beat', 'wait'] as const),
  ...(['elect', 'begin'] as const),
]

interface Operation {
  readonly type: (typeof operations)[number]
  readonly seq: number
  readonly counter: number
  readonly proposer: string
  readonly intent: Intent
}

const operation: fc.Arbitrary<Operation> = fc.record({
  type: fc.constantFrom(...operations),
  seq: fc.nat({ max: tasks - 1 }),
  counter: fc.integer({ min: 1, max: 30 }),
  proposer: fc.constantFrom('w.1', 'x.1'),
  intent: fc.constantFrom<Intent>('run', 'run', 'run', 'cancel'),
})

function perform(voter: TestVoter, operation: Operation): void {
  const { type: what, seq, counter, proposer, intent } = operation
  const seqs = [seq, 1]
  const asked = ballot(counter, proposer)
  switch (what) {
    case 'store':
      voter.store(chunkOf(seq, [`payload ${seq}`]))
      return
    case 'claim':
      voter.claim(asked, seqs, { intent })
      return
    case 'settle':
      // One ballot carries one value.
      voter.settle(asked, [valuesOf(seqs, 'done', `${counter} ${proposer}`)])
      return
    case 'retry':
      voter.settle(asked, [valuesOf(seqs, 'pending', '', { failures: 1, delayMs: 100 })])
      return
    case 'decide': {
      // Only what is accepted may be decided, or what a higher ballot cannot contradict.
      const [value] = heldValues(voter.ledger, seqs)
      const { accepted } = voter.register(seq)
      if (value !== undefined && value.kind !== 'pending') voter.decide(accepted, value)
      voter.take()
      return
    }
    case 'release':
      voter.release(asked, seqs)
      return
    case 'beat':
      voter.renew(proposer, { held: 0, digest: 0 })
      return
    case 'wait':
      voter.wait(counter * 100)
      return
    case 'elect': {
      const { epoch } = voter.info
      const message = { type: 'elect', ledger: ledgerId, epoch, ballot: asked } as const
      const voters = counter % 2 === 0 ? [] : [{ peer: 'v9', storageId: `s-${counter}` }]
      onElect(voter.voter, voter.outbox, peerOf(proposer), { ...message, voters })
      return
    }
    case 'begin':
      voter.begin()
      return
    default:
      what satisfies never
  }
}

describe('a voter that has restarted', () => {
  const history = fc.array(operation, { maxLength: 40 })

  it('knows what it knew, by its journal as by a checkpoint', () => {
    fc.assert(
      fc.property(history, operations => {
        const voter = TestVoter.holding(2)
        for (const operation of operations) perform(voter, operation)
        voter.take()
        const byJournal = replayed(voter.entries, voter.now)
        const byCheckpoint = replayed([...checkpointVoter(voter.voter, voter.now)], voter.now)
        assert.deepEqual(knows(byJournal), knows(voter))
        assert.deepEqual(knows(byCheckpoint), knows(voter))
      }),
      { numRuns: 300 },
    )
  })

  it('has promised at least what it had promised', () => {
    fc.assert(
      fc.property(history, operations => {
        const voter = TestVoter.holding(2)
        for (const operation of operations) perform(voter, operation)
        voter.take()
        const checkpoint = [...checkpointVoter(voter.voter, voter.now)]
        for (const entries of [voter.entries, checkpoint]) {
          const again = replayed(entries, voter.now)
          for (let seq = 0; seq < tasks; seq++) {
            const before = voter.register(seq)
            const after = again.register(seq)
            if (before.state !== 1) continue
            assert.ok(after.promised.counter >= before.promised.counter)
            assert.ok(after.promised.counter >= after.accepted.counter)
          }
        }
      }),
    )
  })

  it('keeps every live lease, at full length', () => {
    fc.assert(
      fc.property(history, operations => {
        const voter = TestVoter.holding(2)
        for (const operation of operations) perform(voter, operation)
        voter.wait(0)
        voter.take()
        const live = [...voter.voter.leases.byId.values()].map(
          ({ holder, claimId, seqs }) =>
            `${holder} ${claimId} ${seqs.join()} ${voter.now + leaseMs}`,
        )
        const byCheckpoint = replayed([...checkpointVoter(voter.voter, voter.now)], voter.now)
        assert.deepEqual(leasesOf(byCheckpoint), live.sort())
      }),
    )
  })
})

test('a lease of the voter itself ends with its process', () => {
  const voter = TestVoter.holding(1)
  voter.claim(ballot(1, 'v0.1'), [0, 1])
  const again = replayed(voter.entries, voter.now)
  assert.deepEqual(leasesOf(again), [])
  assert.equal(again.register(0).grants, 1)
  assert.deepEqual(again.claim(ballot(9_000, 'x.1'), [0, 1]).granted, [0, 1])
})

test('grants are counted through a restart, however many there were', () => {
  const voter = TestVoter.holding(1)
  for (let i = 1; i <= 300; i++) {
    voter.claim(ballot(i), [0, 1])
    voter.wait(tentativeMs)
  }
  assert.equal(replayed(voter.entries, voter.now).register(0).grants, 300)
  const checkpoint = [...checkpointVoter(voter.voter, voter.now)]
  assert.equal(replayed(checkpoint, voter.now).register(0).grants, 300)
})

test('a live worker gets BEHIND for its SETTLE after a restart, and wins by a higher ballot', () => {
  const voter = TestVoter.holding(1)
  voter.claim(ballot(1), [0, 1])
  const again = replayed(voter.entries, voter.now)
  const settled = again.settle(ballot(1), [valuesOf([0, 1], 'done')])
  assert.deepEqual(settled.behind, [0, 1])
  const raised = ballot(settled.counter + 1)
  assert.deepEqual(again.claim(raised, [0, 1], { intent: 'raise' }).granted, [0, 1])
  assert.deepEqual(again.settle(raised, [valuesOf([0, 1], 'done')]).accepted, [0, 1])
})

test('an accept above the mark counts as the promise', () => {
  const voter = TestVoter.holding(1)
  const high = 1 + reserveCounters * 2
  voter.claim(ballot(1), [0, 1])
  voter.settle(ballot(high), [valuesOf([0, 1], 'pending')])
  assert.deepEqual(replayed(voter.entries, voter.now).register(0).promised, ballot(high))
})

test('a beat with its list keeps the lease of a worker through the restart of a voter', () => {
  const voter = TestVoter.holding(2)
  voter.claim(ballot(1), [0, 2])
  const again = replayed(voter.entries, voter.now)
  const list = [{ ledger: ledgerId, claimId: 1, ballot: ballot(1), seqs: [0, 2] }]
  const { lost } = again.renew('w.1', { ...sessionDigest([{ claimId: 1, count: 2 }]), list })
  assert.deepEqual(lost, [])
  again.now += leaseMs - 1
  assert.equal(again.claim(ballot(9_000, 'x.1'), [0, 1]).refused[0]?.reason, 'held')
})

test('a released task is offered again after a restart', () => {
  const voter = TestVoter.holding(1)
  voter.claim(ballot(1), [0, 1])
  voter.release(ballot(1), [0, 1])
  const again = replayed(voter.entries, voter.now)
  assert.deepEqual(again.claim(ballot(9_000, 'x.1'), [0, 1]).granted, [0, 1])
})

test('a claim that is given back late ends no lease of another one by the journal', () => {
  const voter = TestVoter.holding(1)
  voter.claim(ballot(1), [0, 1])
  voter.wait(tentativeMs)
  voter.claim(ballot(2, 'x.1'), [0, 1])
  voter.release(ballot(1), [0, 1])
  const again = replayed(voter.entries, voter.now)
  assert.equal(again.register(0).grants, 1)
  assert.equal(again.claim(ballot(9_000, 'y.1'), [0, 1]).refused[0]?.reason, 'held')
})

test('a claim that is given back late brings no retry forward by the journal', () => {
  const voter = TestVoter.holding(1)
  voter.claim(ballot(1), [0, 1])
  voter.wait(tentativeMs)
  voter.claim(ballot(2, 'x.1'), [0, 1])
  voter.settle(ballot(2, 'x.1'), [valuesOf([0, 1], 'pending', '', { delayMs: 10_000 })])
  voter.release(ballot(1), [0, 1])
  const again = replayed(voter.entries, voter.now)
  assert.equal(again.claim(ballot(9_000), [0, 1]).refused[0]?.reason, 'not-due')
})

const restarts = [
  { name: 'by the journal', entriesOf: (voter: TestVoter) => voter.entries },
  {
    name: 'by a checkpoint',
    entriesOf: (voter: TestVoter) => [...checkpointVoter(voter.voter, voter.now)],
  },
]

describe('what a voter does not know to be free', () => {
  const lease = { seqs: [0, 1], claimId: 1, tentative: false }
  const cases = [
    {
      why: 'since voters before it did not know it',
      begin: (voter: TestVoter) => voter.begin({ blockedUntil: voter.now + leaseMs }),
    },
    {
      why: 'since two leases are known of it',
      begin: (voter: TestVoter) => {
        const leases = [ballot(1), ballot(2, 'x.1')].map(by => ({ ...lease, ballot: by }))
        voter.begin({ leases })
      },
    },
  ]
  for (const { why, begin } of cases) {
    for (const { name, entriesOf } of restarts) {
      it(`${why} stays blocked through a restart ${name}`, () => {
        const voter = TestVoter.holding(1)
        begin(voter)
        voter.take()
        voter.wait(1_000)
        const again = replayed(entriesOf(voter), voter.now, 1)
        again.wait(leaseMs - 1_001)
        assert.equal(again.claim(ballot(9_000), [0, 1]).refused[0]?.reason, 'blocked')
        again.wait(1)
        assert.deepEqual(again.claim(ballot(9_000), [0, 1]).granted, [0, 1])
      })
    }
  }

  it('since the power failed stays blocked when its process ends soon after that', () => {
    const entries: Entry[] = []
    for (const intact of [false, true]) {
      const machine = createMachine({
        ...{ peer: 'v0', incarnation: '1', storageId: 's-v0', seed: [1, 2, 3, 4], intact },
        ...{ guest: false, voters: 3, leaseMs, maxDeliveries: 5, queues: [], concurrency: 0 },
        ...{ labels: [], maxBytes: 1_000_000, wallOffsetMs: 1_000_000, pageTasks: 16 },
      })
      const now = intact ? 3_000 : 1_000
      for (const entry of [{ type: 'opened', ...infoOf(['v0']) } as const, ...entries])
        replay(machine, entry, now)
      for (const effect of start(machine, 1, now)) {
        if (effect.type === 'persist') entries.push(effect.entry)
      }
      assert.equal(machine.voter.ledgers.get(ledgerId)?.blockedUntil, 1_000 + leaseMs)
    }
  })
})

describe('what is left of a delay', () => {
  for (const { name, entriesOf } of restarts) {
    it(`of a task counts on through a restart ${name}`, () => {
      const voter = TestVoter.holding(1, { delayMs: 10_000 })
      voter.wait(4_000)
      const again = replayed(entriesOf(voter), voter.now)
      again.wait(5_999)
      assert.equal(again.claim(ballot(9_000), [0, 1]).refused[0]?.reason, 'not-due')
      again.wait(1)
      assert.deepEqual(again.claim(ballot(9_000), [0, 1]).granted, [0, 1])
    })

    it(`of a retry from the epoch before counts on through a restart ${name}`, () => {
      const voter = TestVoter.holding(2)
      for (const [seq, delayMs] of [5_000, 10_000].entries()) {
        voter.claim(ballot(1 + seq), [seq, 1])
        voter.settle(ballot(1 + seq), [valuesOf([seq, 1], 'pending', '', { delayMs })])
      }
      voter.begin()
      voter.take()
      voter.wait(4_000)
      const again = replayed(entriesOf(voter), voter.now, 1)
      again.wait(5_999)
      assert.equal(again.claim(ballot(9_000), [1, 1]).refused[0]?.reason, 'not-due')
      assert.deepEqual(again.claim(ballot(9_000), [0, 1]).granted, [0, 1])
      again.wait(1)
      assert.deepEqual(again.claim(ballot(9_000), [1, 1]).granted, [1, 1])
    })

    it(`of a retry counts on through a restart ${name}`, () => {
      const voter = TestVoter.holding(1)
      voter.claim(ballot(1), [0, 1])
      voter.settle(ballot(1), [valuesOf([0, 1], 'pending', '', { delayMs: 10_000 })])
      voter.wait(tentativeMs)
      const again = replayed(entriesOf(voter), voter.now)
      again.wait(10_000 - tentativeMs - 1)
      assert.equal(again.claim(ballot(9_000), [0, 1]).refused[0]?.reason, 'not-due')
      again.wait(1)
      assert.deepEqual(again.claim(ballot(9_000), [0, 1]).granted, [0, 1])
    })
  }
})
