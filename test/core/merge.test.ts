import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noBallot } from '../../src/core/ballot.ts'
import { noneCollected } from '../../src/core/collected.ts'
import type { RegisterGroup, State } from '../../src/core/change-messages.ts'
import { checkpointVoter } from '../../src/core/checkpoint.ts'
import { replayVoter } from '../../src/core/recovery.ts'
import { collectNow } from '../../src/core/retention.ts'
import { takePart } from '../../src/core/merge.ts'
import { ballot, chunkOf, ledgerId, TestVoter, valuesOf } from './fixtures.ts'

const blank: RegisterGroup = {
  seqs: [0, 1],
  promised: noBallot,
  accepted: noBallot,
  values: [],
  grants: 0,
  lease: noBallot,
  claimId: 0,
  tentative: false,
  dueMs: 0,
}

function group(more: Partial<RegisterGroup>): RegisterGroup {
  return { ...blank, ...more }
}

/** A register in which a value was accepted, and nothing higher promised. */
function accepted(counter: number, body: string, by = 'w.1'): RegisterGroup {
  const at = ballot(counter, by)
  return group({ promised: at, accepted: at, values: [valuesOf([0, 1], 'done', body)] })
}

function part(more: Partial<State>): State {
  return {
    type: 'state',
    ledger: ledgerId,
    epoch: 0,
    sealed: true,
    voting: false,
    from: 0,
    next: 0,
    counter: 0,
    end: -1,
    blockedMs: 0,
    registers: [],
    outcomes: [],
    chunks: [],
    ...noneCollected(),
    ...more,
  }
}

function merged(...groups: readonly RegisterGroup[]): ReturnType<TestVoter['register']> {
  const voter = TestVoter.holding(1)
  for (const registers of groups) {
    const { voter: state, outbox, ledger, now } = voter
    assert.equal(takePart(state, outbox, ledger, part({ registers: [registers] }), now), true)
  }
  return voter.register(0)
}

describe('registers of two voters are merged', () => {
  const cases = [
    {
      name: 'to the highest accepted ballot, whichever comes first',
      groups: [accepted(2, 'low'), accepted(3, 'high')],
      promised: ballot(3),
      accepted: ballot(3),
    },
    {
      name: 'to the highest accepted ballot, whichever comes last',
      groups: [accepted(3, 'high'), accepted(2, 'low')],
      promised: ballot(3),
      accepted: ballot(3),
    },
    {
      name: 'to the highest promise, above what was accepted',
      groups: [accepted(2, 'low'), group({ promised: ballot(5, 'x.1') })],
      promised: ballot(5, 'x.1'),
      accepted: ballot(2),
    },
    {
      name: 'to the promise of the proposer that had its majority, of two with one counter',
      groups: [group({ promised: ballot(2, 'x.1') }), accepted(2, 'mine', 'a.1')],
      promised: ballot(2, 'a.1'),
      accepted: ballot(2, 'a.1'),
    },
    {
      name: 'to the same, in the other order',
      groups: [accepted(2, 'mine', 'a.1'), group({ promised: ballot(2, 'x.1') })],
      promised: ballot(2, 'a.1'),
      accepted: ballot(2, 'a.1'),
    },
  ]

  for (const { name, groups, ...wanted } of cases) {
    it(name, () => {
      const { promised, accepted } = merged(...groups)
      assert.deepEqual(
        { promised, accepted },
        { promised: wanted.promised, accepted: wanted.accepted },
      )
    })
  }

  it('to the most grants', () => {
    assert.equal(merged(group({ grants: 3 }), group({ grants: 1 })).grants, 3)
    assert.equal(merged(group({ grants: 300 }), group({ grants: 299 })).grants, 300)
  })
})

describe('a part', () => {
  it('brings records and outcomes that are missing', () => {
    const voter = TestVoter.holding(0)
    const outcome = {
      ballot: ballot(4),
      kind: 'done',
      seqs: [1, 1],
      values: [valuesOf([1, 1], 'done', 'yes')],
    } as const
    const { voter: state, outbox, ledger, now } = voter
    const chunks = [chunkOf(0, ['a', 'b', 'c'])]
    const registers = [group({ seqs: [0, 1, 2, 1] })]
    const told = part({ chunks, registers, outcomes: [outcome] })
    assert.equal(takePart(state, outbox, ledger, told, now), true)
    voter.take()
    assert.deepEqual(
      voter.entries.slice(1).map(({ type }) => type),
      ['settled', 'stored'],
    )
    assert.deepEqual(
      [[...ledger.stored], [...ledger.settled]],
      [
        [0, 3],
        [1, 1],
      ],
    )
    assert.equal(ledger.chunks[0]?.open, 2, 'what is settled needs its payload no more')
  })

  it('is not taken whole if it tells of a task whose record is not here', () => {
    const voter = TestVoter.holding(1)
    const { voter: state, outbox, ledger, now } = voter
    const told = part({ registers: [group({ seqs: [7, 1] })] })
    assert.equal(takePart(state, outbox, ledger, told, now), false)
  })

  it('brings how tasks have ended whose outcomes are collected, through a restart as well', () => {
    const voter = TestVoter.holding(3)
    voter.settle(ballot(1), [valuesOf([0, 1], 'done', 'undecided')])
    const { voter: state, outbox, ledger, now } = voter
    const told = part({ cancelled: [0, 1], forgotten: [2, 1] })
    assert.equal(takePart(state, outbox, ledger, told, now), true)
    voter.take()
    assert.deepEqual([...ledger.settled], [0, 1, 2, 1])
    assert.deepEqual([...ledger.collected.cancelled], [0, 1])
    assert.deepEqual([...ledger.collected.forgotten], [2, 1])
    const again = new TestVoter()
    for (const entry of voter.entries) replayVoter(again.voter, entry, 0, now)
    assert.deepEqual([...again.ledger.settled], [0, 1, 2, 1])
    assert.deepEqual([...again.ledger.collected.cancelled], [0, 1])
  })

  // Seed 9083178: a voter showed the value that it had accepted, and that no majority had.
  it('does not say that what was accepted here is the outcome, where nobody knows its ballot', () => {
    const voter = TestVoter.holding(1)
    voter.settle(ballot(1), [valuesOf([0, 1], 'done', 'undecided')])
    const { voter: state, outbox, ledger, now } = voter
    ledger.office = 'sealed'
    const outcomes = [{ ballot: noBallot, kind: 'done', seqs: [0, 1], values: [] }] as const
    takePart(state, outbox, ledger, part({ outcomes, done: [0, 1] }), now)
    assert.deepEqual([...ledger.collected.done], [0, 1])
    assert.deepEqual(state.decisions, [])
  })

  it('is whole where registers of it are collected here', () => {
    const voter = TestVoter.holding(1)
    const values = valuesOf([0, 1], 'done')
    voter.settle(ballot(1), [values])
    voter.decide(ballot(1), values)
    const { voter: state, outbox, ledger, now } = voter
    ledger.end = 1
    collectNow(state, outbox, ledgerId, [0, 1])
    const told = part({ registers: [group({ seqs: [0, 1] })] })
    assert.equal(takePart(state, outbox, ledger, told, now), true)
    assert.deepEqual([...ledger.settled], [0, 1])
  })

  it('brings outcomes of what another has accepted, through restarts and a checkpoint', () => {
    const voter = TestVoter.holding(1)
    const { voter: state, outbox, ledger, now } = voter
    ledger.office = 'observer'
    takePart(state, outbox, ledger, part({ registers: [accepted(2, 'yes')] }), now)
    const values = valuesOf([0, 1], 'done', 'yes')
    const outcome = { ballot: ballot(2), kind: 'done', seqs: [0, 1], values: [values] } as const
    takePart(state, outbox, ledger, part({ outcomes: [outcome] }), now)
    voter.take()
    const again = new TestVoter()
    for (const entry of voter.entries) replayVoter(again.voter, entry, 0, now)
    assert.equal(again.ledger.collected.done.length, 0, 'it is kept')
    const checkpoint = [...checkpointVoter(again.voter, now)]
    const last = new TestVoter()
    for (const entry of checkpoint) replayVoter(last.voter, entry, 0, now)
    assert.deepEqual([...last.ledger.settled], [0, 1])
    assert.equal(last.register(0).state, again.register(0).state)
  })

  it('once written without a value is settled through a checkpoint, too', () => {
    const voter = TestVoter.holding(1)
    const outcomes = [{ ballot: ballot(2), kind: 'done', seqs: [0, 1], values: [] }] as const
    replayVoter(voter.voter, { type: 'settled', ledger: ledgerId, outcomes }, 0, voter.now)
    const again = new TestVoter()
    for (const entry of checkpointVoter(voter.voter, voter.now)) {
      replayVoter(again.voter, entry, 0, voter.now)
    }
    assert.deepEqual([...again.ledger.settled], [0, 1])
    assert.deepEqual([...again.ledger.collected.done], [0, 1])
  })

  it('brings outcomes whose values nobody keeps any more', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 1])
    voter.settle(ballot(1), [valuesOf([0, 1], 'done', 'undecided')])
    const outcome = { ballot: ballot(4), kind: 'failed', seqs: [0, 1], values: [] } as const
    takePart(voter.voter, voter.outbox, voter.ledger, part({ outcomes: [outcome] }), voter.now)
    assert.deepEqual([...voter.ledger.settled], [0, 1])
    assert.equal(
      voter.ledger.pages.get(0)?.value[0],
      0,
      'what was accepted here is not the outcome',
    )
    assert.equal(voter.voter.bytes, 2 * 'payload 0'.length)
  })
})
