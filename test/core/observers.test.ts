import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LedgerId, PeerId } from '../../src/core/ids.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import { keepMs } from '../../src/core/retention.ts'
import { viewTask } from '../../src/core/query.ts'
import { countOf } from '../../src/core/ranges.ts'
import { step } from '../../src/core/machine.ts'
import type { Message } from '../../src/core/messages.ts'
import { valuesOf } from '../../src/core/voter.ts'
import { ballot, valuesOf as decided } from './fixtures.ts'
import { Harness } from './harness.ts'

const minute = 60_000

/** Nodes of which the first has published a task alone, while the others were away. */
function published(peers: readonly PeerId[], concurrency = 0): { cluster: Harness; id: LedgerId } {
  const cluster = new Harness(
    peers.map(peer => ({ peer, concurrency: peer === 'a' ? concurrency : 0 })),
  )
  for (const peer of peers.slice(1)) cluster.kill(peer)
  cluster.run(8_000)
  cluster.publish('a', ['one'])
  cluster.run(500)
  const told = cluster.node('a').reports.find(event => event.type === 'published')
  assert.ok(told?.type === 'published')
  return { cluster, id: told.ledger }
}

function heldBy(cluster: Harness, peer: PeerId, id: LedgerId): Ledger | undefined {
  return cluster.node(peer).machine.voter.ledgers.get(id)
}

/** What a node is to a ledger, and how many of its tasks it knows and knows to be settled. */
function stateOf(cluster: Harness, peer: PeerId, id: LedgerId): unknown {
  const held = heldBy(cluster, peer, id)
  return held && [held.office, countOf(held.stored), countOf(held.settled)]
}

/** Two nodes: the second one has come later, and keeps a copy by now. */
function observed(concurrency = 0): { cluster: Harness; id: LedgerId } {
  const both = published(['a', 'b'], concurrency)
  both.cluster.restart('b')
  both.cluster.until(() => stateOf(both.cluster, 'b', both.id) !== undefined, 20_000)
  both.cluster.run(100)
  assert.deepEqual(stateOf(both.cluster, 'b', both.id), ['observer', 1, 0])
  return both
}

/** Tells whether nodes say anything to each other about a ledger's copies in a while. */
function saidIn(cluster: Harness, ms: number): string[] {
  const before = cluster.lines.length
  cluster.write()
  cluster.run(ms)
  return cluster.lines.slice(before).filter(line => /invite|observe|state/i.test(line))
}

describe('a ledger with one voter', () => {
  it('is copied by the other node for good, and what comes later, too', () => {
    const { cluster, id } = observed()
    cluster.run(30 * minute)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 1, 0])
    cluster.publish('a', ['two', 'three'])
    cluster.run(11_000)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 3, 0])
    assert.deepEqual(stateOf(cluster, 'a', id), ['voter', 3, 0], 'nobody else votes')
  })

  it('has an observer learn what is decided, which it still tells when the voter has lost its disk', () => {
    const { cluster, id } = observed(1)
    const [run] = cluster.runsOf('a')
    assert.ok(run !== undefined)
    cluster.finish('a', run, 'result')
    cluster.publish('a', ['two'])
    cluster.run(11_000)
    cluster.kill('a')
    cluster.wipe('a')
    cluster.run(1_000)
    cluster.restart('a')
    cluster.run(10_000)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 2, 1])
    const held = heldBy(cluster, 'b', id)
    const [values] = held === undefined ? [] : valuesOf(held, [0, 1])
    assert.equal(Buffer.from(values?.body ?? []).toString(), 'result')
    cluster.run(30 * minute)
    const seen = viewTask(cluster.node('b').machine, id, 1, cluster.now)
    assert.deepEqual([seen?.state, Buffer.from(seen?.payload ?? []).toString()], ['pending', 'two'])
  })

  it('is not spoken of while nothing is open and nothing changes, but for now and then', () => {
    const { cluster, id } = observed(1)
    const [run] = cluster.runsOf('a')
    assert.ok(run !== undefined)
    assert.ok(saidIn(cluster, minute).length >= 15, 'every ten seconds while something is open')
    // The result of a failed task is kept for days.
    cluster.finish('a', run, 'no', 'unrecoverable')
    cluster.run(21_000)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 1, 1])
    const said = saidIn(cluster, 10 * minute).length
    assert.ok(said >= 3 && said <= 6, `${said}: an invitation and its answer, twice`)
  })

  it('has an observer that goes on after a restart of either side', () => {
    const { cluster, id } = observed()
    cluster.kill('b')
    cluster.run(5 * minute)
    cluster.publish('a', ['two'])
    cluster.restart('b')
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 1, 0], 'from its journal')
    cluster.run(12_000)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 2, 0])
    cluster.kill('a')
    cluster.run(30 * minute)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 2, 0], 'while the voter is away')
    cluster.restart('a')
    cluster.run(30 * minute)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 2, 0])
  })

  it('gets the observer as one of three voters when there are enough nodes', () => {
    const { cluster, id } = published(['a', 'b', 'c'])
    cluster.restart('b')
    cluster.run(minute)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 1, 0])
    cluster.restart('c')
    cluster.run(minute)
    const offices = ['a', 'b', 'c'].map(peer => heldBy(cluster, peer, id)?.office)
    assert.deepEqual(offices, ['voter', 'voter', 'voter'])
    assert.equal(cluster.node('a').machine.changer.observers.size, 0)
  })

  it('is forgotten by an observer that others vote without', () => {
    const peers = ['a', 'b', 'c', 'd']
    const { cluster, id } = published(peers)
    cluster.restart('b')
    cluster.run(minute)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 1, 0])
    // It keeps the copy, and is not asked to vote.
    const known = cluster.node('a').machine.members.peers.get('b')
    assert.ok(known !== undefined)
    known.silentUntil = cluster.now + 60 * minute
    cluster.restart('c')
    cluster.restart('d')
    cluster.run(5 * minute)
    const offices = peers.map(peer => heldBy(cluster, peer, id)?.office)
    assert.deepEqual(offices, ['voter', undefined, 'voter', 'voter'])
  })

  it('leaves nothing at the observer when it has ended and is collected', () => {
    const { cluster, id } = observed(1)
    const [run] = cluster.runsOf('a')
    assert.ok(run !== undefined)
    cluster.finish('a', run, 'result')
    cluster.kill('b')
    // The next process start closes it.
    cluster.kill('a')
    cluster.restart('a')
    cluster.restart('b')
    cluster.run(30_000)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 1, 1])
    cluster.run(keepMs)
    for (const peer of ['a', 'b']) assert.equal(heldBy(cluster, peer, id), undefined)
    assert.equal(cluster.node('b').machine.voter.copies.size, 0)
    assert.equal(cluster.node('b').machine.voter.bytes, 0)
  })

  it('has an observer say how open tasks stand only where its voter cannot', () => {
    const { cluster, id } = observed()
    const view = (): string | undefined => {
      return viewTask(cluster.node('b').machine, id, 0, cluster.now)?.state
    }
    assert.equal(view(), undefined)
    cluster.kill('a')
    cluster.run(10)
    assert.equal(view(), 'pending')
  })

  it('takes at most half of the room of a node that does not vote on it', () => {
    const { cluster, id } = observed(1)
    const [run] = cluster.runsOf('a')
    assert.ok(run !== undefined)
    const wide = 'x'.repeat(60_000)
    for (let i = 0; i < 12; i++) cluster.publish('a', [wide])
    cluster.run(60_000)
    const { voter } = cluster.node('b').machine
    const most = voter.maxBytes / 2 + 200 * 1_024
    assert.ok(voter.bytes > 0 && voter.bytes < most, `${voter.bytes} of ${voter.maxBytes}`)
    assert.ok(countOf(heldBy(cluster, 'b', id)?.stored ?? []) < 13)
    // What is settled makes room for the rest.
    cluster.finish('a', run, 'result')
    for (let i = 0; i < 12; i++) {
      cluster.run(20_000)
      const [next] = cluster.runsOf('a')
      assert.ok(next !== undefined)
      cluster.finish('a', next, 'result')
    }
    cluster.run(20_000)
    assert.deepEqual(stateOf(cluster, 'b', id), ['observer', 13, 13])
  })

  it('has an observer that votes on nothing, whoever asks it', () => {
    const { cluster, id } = observed()
    const { machine } = cluster.node('b')
    const of = { ledger: id, epoch: 0, ballot: ballot(9, 'a.1') } as const
    const rest = { any: [], anyCount: 0, records: false, idle: false } as const
    const asked: readonly Message[] = [
      { type: 'claim', ...of, claimId: 1, intent: 'cancel', seqs: [0, 1], ...rest },
      { type: 'settle', ...of, values: [decided([0, 1], 'done', 'no')], acceptLsn: 0 },
      { type: 'elect', ...of, voters: [] },
    ]
    const before = cluster.node('b').entries.length
    for (const message of asked) {
      const effects = step(machine, { type: 'received', from: 'a', lsn: 0, message }, cluster.now)
      assert.deepEqual(
        effects.filter(({ type }) => type === 'send' || type === 'persist'),
        [],
        message.type,
      )
    }
    assert.equal(cluster.node('b').entries.length, before)
    assert.equal(heldBy(cluster, 'b', id)?.counter, 0)
  })
})
