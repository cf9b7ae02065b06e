import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Elected } from '../../src/core/change-messages.ts'
import type { Entry } from '../../src/core/entries.ts'
import type { Voter } from '../../src/core/messages.ts'
import { checkpointVoter } from '../../src/core/checkpoint.ts'
import { recoverVoter, replayVoter } from '../../src/core/recovery.ts'
import { onElect } from '../../src/core/voter-elect.ts'
import { ballot, ledgerId, TestVoter } from './fixtures.ts'

const some: readonly Voter[] = [{ peer: 'v0', storageId: 's-v0' }]
const others: readonly Voter[] = [{ peer: 'v3', storageId: 's-v3' }]

/** A vote on the next voters, asked for or given; what it leads to. */
function elect(voter: TestVoter, counter: number, voters: readonly Voter[], by = 'v1.1'): Elected {
  const asked = ballot(counter, by)
  const { epoch } = voter.info
  const message = { type: 'elect', ledger: ledgerId, epoch, ballot: asked, voters } as const
  onElect(voter.voter, voter.outbox, by.slice(0, -2), message)
  return voter.reply('elected')
}

/** The voter that a journal makes. */
function restarted(entries: readonly Entry[], epoch = 0): TestVoter {
  const voter = new TestVoter()
  voter.info = { ...voter.info, epoch }
  for (const entry of entries) replayVoter(voter.voter, entry, 0, voter.now)
  recoverVoter(voter.voter, 'v0.2', true, voter.now)
  return voter
}

describe('a vote on the next voters', () => {
  const cases = [
    {
      name: 'is promised to the first who asks',
      before: [],
      counter: 1,
      by: 'v1.1',
      granted: true,
    },
    {
      name: 'is promised above a promise',
      before: [[1, []]],
      counter: 2,
      by: 'v2.1',
      granted: true,
    },
    { name: 'is not promised below', before: [[2, []]], counter: 1, by: 'v2.1', granted: false },
    {
      name: 'is not promised to another with the same counter',
      before: [[1, []]],
      counter: 1,
      by: 'v2.1',
      granted: false,
    },
    {
      name: 'is promised again at the very ballot',
      before: [[1, []]],
      counter: 1,
      by: 'v1.1',
      granted: true,
    },
  ] as const

  for (const { name, before, counter, by, granted } of cases) {
    it(name, () => {
      const voter = TestVoter.holding(1)
      for (const [earlier, voters] of before) elect(voter, earlier, voters)
      assert.equal(elect(voter, counter, [], by).granted, granted)
    })
  }

  it('is accepted at the promised ballot, and told to whoever asks later', () => {
    const voter = TestVoter.holding(1)
    elect(voter, 1, [])
    assert.equal(elect(voter, 1, some).granted, true)
    const { granted, accepted, voters } = elect(voter, 2, [], 'v2.1')
    assert.deepEqual(
      { granted, accepted, voters },
      { granted: true, accepted: ballot(1, 'v1.1'), voters: some },
    )
  })

  it('is not accepted below a promise, which it names', () => {
    const voter = TestVoter.holding(1)
    elect(voter, 1, [])
    elect(voter, 5, [], 'v2.1')
    const { granted, counter, accepted } = elect(voter, 1, some)
    assert.deepEqual(
      { granted, counter, accepted: accepted.counter },
      { granted: false, counter: 5, accepted: 0 },
    )
  })

  it('waits for the disk, and outlives a restart', () => {
    const voter = TestVoter.holding(1)
    elect(voter, 1, [])
    onElect(voter.voter, voter.outbox, 'v1', {
      type: 'elect',
      ledger: ledgerId,
      epoch: 0,
      ballot: ballot(1, 'v1.1'),
      voters: some,
    })
    const written = voter.outbox.lsn
    const [reply] = voter.take()
    assert.equal(reply?.after, written)
    const again = restarted(voter.entries)
    assert.equal(elect(again, 1, others, 'v2.1').granted, false)
    assert.deepEqual(elect(again, 2, [], 'v2.1').voters, some)
  })

  it('outlives a checkpoint of a later epoch', () => {
    const voter = TestVoter.holding(1)
    voter.begin()
    elect(voter, 7, [])
    elect(voter, 7, some)
    const again = restarted([...checkpointVoter(voter.voter, voter.now)], 1)
    assert.equal(elect(again, 6, others, 'v2.1').granted, false)
    const { accepted, voters } = elect(again, 8, [], 'v2.1')
    assert.deepEqual({ accepted, voters }, { accepted: ballot(7, 'v1.1'), voters: some })
  })

  it('is not given for somebody else’s ballot', () => {
    const voter = TestVoter.holding(1)
    const message = { type: 'elect', ledger: ledgerId, epoch: 0, voters: [] } as const
    onElect(voter.voter, voter.outbox, 'v2', { ...message, ballot: ballot(1, 'v1.1') })
    assert.deepEqual(voter.take(), [])
  })
})
