import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Install, State } from '../../src/core/change-messages.ts'
import { noneCollected } from '../../src/core/collected.ts'
import { againMs, joinsWakeAt, onInstall, onState, tickJoins } from '../../src/core/join.ts'
import type { Voter } from '../../src/core/messages.ts'
import { ledgerId, TestVoter } from './fixtures.ts'

const votersOf = (...peers: readonly string[]): Voter[] =>
  peers.map(peer => ({ peer, storageId: `s-${peer}` }))

const up = new Set(['v0', 'v1', 'v2', 'v3'])

const install: Install = {
  type: 'install',
  ledger: ledgerId,
  epoch: 2,
  producer: 'v1.1',
  voters: votersOf('v0', 'v1', 'v2'),
  before: votersOf('v1', 'v2', 'v3'),
  end: -1,
}

/** All that a voter of an epoch holds, which is nothing. */
function stateOf(epoch: number, voting: boolean): State {
  return {
    ...{ type: 'state', ledger: ledgerId, epoch, sealed: true, voting, from: 0, next: 0 },
    ...{ counter: 0, end: -1, blockedMs: 0, registers: [], outcomes: [], chunks: [] },
    ...noneCollected(),
  }
}

/** A node that is to vote from epoch 2 on, and has asked for what voters hold. */
function joining(change: Partial<Install> = {}): {
  voter: TestVoter
  office: () => string | undefined
} {
  const voter = new TestVoter()
  onInstall(voter.voter, voter.outbox, up, 'v1', { ...install, ...change }, voter.now)
  return { voter, office: () => voter.voter.ledgers.get(ledgerId)?.office }
}

function tell({ voter, outbox, now }: TestVoter, from: string, state: State): void {
  onState(voter, outbox, up, from, state, now)
}

describe('a node that is to vote in the next epoch', () => {
  it('votes once a majority has sealed the one before', () => {
    const { voter, office } = joining()
    tell(voter, 'v1', stateOf(1, false))
    assert.equal(office(), 'observer')
    tell(voter, 'v2', stateOf(1, false))
    assert.equal(office(), 'voter')
  })

  it('votes once a member of the epoch has told all that it holds', () => {
    const { voter, office } = joining()
    tell(voter, 'v1', stateOf(2, true))
    assert.equal(office(), 'voter')
  })

  // Seed 9329083: chosen for the epoch before, a node had not begun it when one of the two that had lost
  // its disk. The third one was no majority of voters that had sealed.
  it('counts itself where it was to vote in the epoch before, and has never begun it', () => {
    const before = votersOf('v0', 'v1', 'v2')
    const { voter, office } = joining({ before })
    assert.equal(office(), 'observer')
    tell(voter, 'v1', stateOf(1, false))
    assert.equal(office(), 'voter')
  })

  it('does not count itself where it has forgotten the first epoch, which all have begun', () => {
    const before = votersOf('v0', 'v1', 'v2')
    const { voter, office } = joining({ epoch: 1, before })
    tell(voter, 'v1', stateOf(0, false))
    assert.equal(office(), 'observer')
    tell(voter, 'v2', stateOf(0, false))
    assert.equal(office(), 'voter')
  })

  it('is no majority alone, whatever it has not begun', () => {
    const { office } = joining({ before: votersOf('v0') })
    assert.equal(office(), 'observer')
  })

  it('counts itself once where it has sealed the epoch before', () => {
    const voters = votersOf('v0', 'v1', 'v2', 'v3', 'v4')
    const { voter, office } = joining({ voters })
    tell(voter, 'v3', stateOf(2, true))
    assert.equal(office(), 'voter')
    const next = { ...install, epoch: 3, voters, before: voters }
    onInstall(voter.voter, voter.outbox, up, 'v1', next, voter.now)
    tell(voter, 'v1', stateOf(2, false))
    assert.equal(office(), 'sealed')
    tell(voter, 'v2', stateOf(2, false))
    assert.equal(office(), 'voter')
  })

  // Seed 9536467: of two that had sealed, and voted by then, the second one lost its disk. The first one was
  // not asked again, and the second one had nothing to tell.
  it('asks a member of the epoch again that has told only what it had sealed', () => {
    const { voter, office } = joining()
    tell(voter, 'v1', stateOf(1, false))
    voter.take()
    assert.ok(joinsWakeAt(voter.voter) <= voter.now + againMs)
    voter.now += againMs
    tickJoins(voter.voter, voter.outbox, up, voter.now)
    assert.deepEqual(
      voter.take().map(({ to, message }) => [to, message.type]),
      [
        ['v2', 'seal'],
        ['v3', 'seal'],
        ['v1', 'seal'],
      ],
    )
    tell(voter, 'v1', stateOf(2, true))
    assert.equal(office(), 'voter')
  })

  it('asks nobody again who is no member of the epoch and has told what it had sealed', () => {
    const { voter } = joining()
    tell(voter, 'v3', stateOf(1, false))
    voter.take()
    tickJoins(voter.voter, voter.outbox, up, voter.now + againMs)
    assert.ok(voter.take().every(({ to }) => to !== 'v3'))
  })

  // Seed 9022798: asked about epoch 0 by a node that had slept, voters of epoch 1 told what they held
  // there. The answers came when that node was to vote in epoch 2.
  it('does not count what voters of the epoch before have told before they sealed it', () => {
    const { voter, office } = joining()
    for (const peer of ['v1', 'v2', 'v3']) tell(voter, peer, stateOf(1, true))
    assert.equal(office(), 'observer')
    for (const peer of ['v1', 'v2']) tell(voter, peer, stateOf(1, false))
    assert.equal(office(), 'voter')
  })
})
