import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LedgerId, PeerId } from '../../src/core/ids.ts'
import { checkpoint } from '../../src/core/machine.ts'
import { replaceMs } from '../../src/core/next-voters.ts'
import { retireLedgers } from '../../src/core/retire.ts'
import { onCompare } from '../../src/core/voter-compare.ts'
import { sealLedger } from '../../src/core/voter-seal.ts'
import { ledgerId, TestVoter } from './fixtures.ts'
import { Harness } from './harness.ts'

const abcd = ['a', 'b', 'c', 'd']

function started(peers: readonly PeerId[] = abcd): Harness {
  const cluster = new Harness(peers.map(peer => ({ peer, concurrency: 0 })))
  cluster.run(8_000)
  return cluster
}

/** Publishes a task that nobody runs. Returns its ledger. */
function published(cluster: Harness): LedgerId {
  cluster.publish('a', ['one'])
  cluster.run(500)
  const told = cluster.node('a').reports.findLast(event => event.type === 'published')
  assert.ok(told?.type === 'published')
  return told.ledger
}

/** Others keep what the first node votes on; then it leaves. */
function stops(cluster: Harness): void {
  cluster.take('a', 'hand-over')
  cluster.run(3_000)
  cluster.take('a', 'leave')
  cluster.run(100)
  cluster.kill('a')
}

/** Where a ledger ends, by who keeps it. */
function endsOf(cluster: Harness, ledger: LedgerId, peers: readonly PeerId[]): string[] {
  return peers.flatMap(peer => {
    const held = cluster.node(peer).machine.voter.ledgers.get(ledger)
    return held === undefined ? [] : [`${peer}${held.end}`]
  })
}

/** Ledgers of one node's earlier process starts that have no end somewhere, or no task. */
function leftOpen(cluster: Harness): string[] {
  const { node } = cluster.node('a').machine
  return abcd.flatMap(peer => {
    const left = [...cluster.node(peer).machine.voter.ledgers.values()].filter(held => {
      const { producer } = held.info
      if (!producer.startsWith('a.') || producer === node) return false
      return held.end <= 0
    })
    return left.map(({ info, end }) => `${peer} ${info.producer} ${end}`)
  })
}

describe('a ledger ends', () => {
  it('at all who keep it, when its producer stops, whether that comes back or not', () => {
    const cluster = started()
    const ledger = published(cluster)
    stops(cluster)
    assert.deepEqual(endsOf(cluster, ledger, abcd), ['b1', 'c1', 'd1'])
  })

  it('when its producer stops, also where nothing of it is handed over', () => {
    const cluster = started(['a', 'b', 'c'])
    const ledger = published(cluster)
    stops(cluster)
    assert.deepEqual(endsOf(cluster, ledger, ['b', 'c']), ['b1', 'c1'])
  })

  it('before its producer has handed it over: nothing gets a number any more', () => {
    const cluster = started()
    published(cluster)
    const { machine, reports } = cluster.node('a')
    cluster.take('a', 'hand-over')
    const told = reports.length
    cluster.publish('a', ['late'])
    cluster.run(5_000)
    const later = reports.slice(told).map(({ type }) => type)
    assert.ok(!later.includes('published') && !later.includes('ledger-opened'), later.join())
    assert.equal(machine.producer.waiting.length, 1)
  })

  it('however often its producer stops and starts, or dies, with and without tasks', () => {
    for (const end of [stops, (cluster: Harness): void => cluster.kill('a')]) {
      for (const publishes of [true, false]) {
        const cluster = started()
        for (let cycle = 0; cycle < 4; cycle++) {
          if (publishes) published(cluster)
          end(cluster)
          cluster.run(2_000)
          cluster.restart('a')
          cluster.run(30_000)
        }
        assert.deepEqual(leftOpen(cluster), [], `${end.name} ${publishes}`)
      }
    }
  })

  it('when its producer dies, and comes back as others have followed it', () => {
    const cluster = started()
    const ledger = published(cluster)
    cluster.kill('a')
    cluster.run(replaceMs + 20_000)
    assert.deepEqual(endsOf(cluster, ledger, abcd), ['a-1', 'b-1', 'c-1', 'd-1'])
    cluster.restart('a')
    cluster.run(30_000)
    assert.deepEqual(endsOf(cluster, ledger, abcd), ['b1', 'c1', 'd1'])
  })

  it('when its producer has been left out while it was there, and what it said was lost', () => {
    for (const restarts of [false, true]) {
      const cluster = started()
      const ledger = published(cluster)
      stops(cluster)
      for (const peer of ['b', 'c', 'd']) {
        const held = cluster.node(peer).machine.voter.ledgers.get(ledger)
        assert.ok(held !== undefined)
        held.end = -1
      }
      cluster.run(1_000)
      cluster.restart('a')
      if (restarts) {
        cluster.run(100)
        const { machine, entries } = cluster.node('a')
        const kept = [...checkpoint(machine, cluster.now)]
        cluster.kill('a')
        // As many as others have seen of it.
        entries.fill({ type: 'started', node: 'a.0' })
        entries.splice(0, kept.length, ...kept)
        cluster.run(1_000)
        cluster.restart('a')
      }
      cluster.run(30_000)
      assert.deepEqual(endsOf(cluster, ledger, abcd), ['b1', 'c1', 'd1'], `${restarts}`)
      const { ends } = cluster.node('a').machine.voter
      assert.equal(ends.size, 0)
    }
  })

  it('when its producer stops while it has sealed one epoch, and not yet begun the next one', () => {
    const cluster = started()
    const ledger = published(cluster)
    const { voter, outbox } = cluster.node('a').machine
    const held = voter.ledgers.get(ledger)
    assert.ok(held !== undefined)
    sealLedger(voter, outbox, held, { ...held.info, epoch: 1 }, cluster.now)
    assert.equal(held.end, -1)
    cluster.take('a', 'hand-over')
    assert.equal(held.end, 1)
  })

  it('where nobody holds anything of it, though one voter was not there to hear so', () => {
    const cluster = started(['a', 'b', 'c'])
    for (const peer of ['b', 'a']) cluster.kill(peer)
    cluster.run(1_000)
    cluster.restart('a')
    cluster.run(15_000)
    cluster.restart('b')
    cluster.run(30_000)
    for (const peer of ['a', 'b', 'c']) {
      const { ledgers } = cluster.node(peer).machine.voter
      const old = [...ledgers.values()].filter(({ info }) => info.producer === 'a.1')
      assert.deepEqual(old, [], peer)
    }
  })

  it('and is kept where a voter holds none of it, as long as another one may', () => {
    const voter = TestVoter.holding(0)
    const base = { type: 'compare', ledger: ledgerId, epoch: 0, counter: 0 } as const
    const none = { ...base, stored: [], settled: [] }
    const { outbox } = voter
    onCompare(voter.voter, outbox, 'v1', { ...none, end: 0 }, voter.now)
    retireLedgers(voter.voter, outbox, voter.now)
    assert.equal(voter.ledger.end, 0)
    onCompare(voter.voter, outbox, 'v2', { ...none, end: -1, stored: [0, 2] }, voter.now)
    retireLedgers(voter.voter, outbox, voter.now)
    assert.equal(voter.ledger.end, 2)
  })
})
