import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openChange } from '../../src/core/change.ts'
import type { LedgerId, PeerId } from '../../src/core/ids.ts'
import type { Ledger } from '../../src/core/ledger.ts'
import { collectNow } from '../../src/core/retention.ts'
import { Harness } from './harness.ts'

const everybody = ['a', 'b', 'c', 'd', 'e']

interface Cluster {
  readonly cluster: Harness
  readonly ledger: LedgerId
  readonly voters: readonly PeerId[]
  readonly others: readonly PeerId[]
}

/** Five nodes; a has published some tasks to a ledger of three voters. */
function setup(payloads: readonly string[], concurrency = 0, orphans?: 'fork'): Cluster {
  const plans = everybody.map(peer => ({ peer, concurrency }))
  const cluster = new Harness(plans, orphans)
  cluster.run(8_000)
  cluster.publish('a', payloads)
  cluster.run(200)
  const info = cluster.node('a').machine.producer.current?.info
  assert.ok(info !== undefined)
  const voters = info.voters.map(({ peer }) => peer)
  return {
    cluster,
    ledger: info.ledger,
    voters,
    others: everybody.filter(peer => !voters.includes(peer)),
  }
}

function ledgerAt({ cluster, ledger }: Cluster, peer: PeerId): Ledger | undefined {
  return cluster.node(peer).machine.voter.ledgers.get(ledger)
}

/** Lets a node have other voters for the ledger. */
function change(of: Cluster, by: PeerId, peers: readonly PeerId[]): void {
  const { changer, outbox } = of.cluster.node(by).machine
  const ledger = ledgerAt(of, by)
  assert.ok(ledger !== undefined)
  const voters = peers.map(peer => ({ peer, storageId: `s-${peer}` }))
  openChange(changer, outbox, ledger, voters, 'copying', of.cluster.now)
  of.cluster.wake(by)
}

/** Which nodes vote in the ledger, and in which epoch. */
function offices(of: Cluster): Record<PeerId, number> {
  const found: Record<PeerId, number> = {}
  for (const peer of everybody) {
    const ledger = ledgerAt(of, peer)
    if (ledger?.office === 'voter') found[peer] = ledger.info.epoch
  }
  return found
}

function finishAll({ cluster }: Cluster): void {
  for (let i = 0; i < 40; i++) {
    for (const peer of everybody) {
      for (const run of [...cluster.runsOf(peer)]) {
        if (cluster.node(peer).up) cluster.finish(peer, run, 'ok')
      }
    }
    cluster.run(500)
  }
}

describe('a ledger gets other voters', () => {
  it('when one of three is dead and another takes its place', () => {
    const of = setup(['1', '2', '3'])
    const [first = '', second = '', dead = ''] = of.voters
    const [next = ''] = of.others
    of.cluster.kill(dead)
    change(of, first, [first, second, next])
    of.cluster.run(3_000)
    assert.deepEqual(offices(of), { [first]: 1, [second]: 1, [dead]: 0, [next]: 1 })
    assert.deepEqual([...(ledgerAt(of, next)?.stored ?? [])], [0, 3])
  })

  it('and whoever kept it before forgets it and knows who has followed', () => {
    const of = setup(['1'])
    const [first = '', second = '', third = ''] = of.voters
    const [next = ''] = of.others
    change(of, first, [first, second, next])
    of.cluster.run(20_000)
    assert.equal(ledgerAt(of, third), undefined)
    const moved = of.cluster.node(third).machine.voter.moved.get(of.ledger)
    assert.deepEqual(
      moved?.voters.map(({ peer }) => peer),
      [first, second, next],
    )
  })

  it('and one of them forgets it through a restart as well', () => {
    const of = setup(['1'])
    const [first = '', second = '', third = ''] = of.voters
    change(of, first, [first, second, of.others[0] ?? ''])
    of.cluster.run(20_000)
    of.cluster.kill(third)
    of.cluster.run(1_000)
    of.cluster.restart(third)
    of.cluster.run(1_000)
    assert.equal(ledgerAt(of, third), undefined)
    assert.equal(of.cluster.node(third).machine.voter.moved.get(of.ledger)?.epoch, 1)
  })

  it('and knows of it what was collected before', () => {
    const of = setup(['1', '2'], 1)
    finishAll(of)
    const [first = '', second = ''] = of.voters
    const [next = ''] = of.others
    for (const peer of of.voters) {
      const { voter, outbox } = of.cluster.node(peer).machine
      collectNow(voter, outbox, of.ledger, [0, 1])
    }
    change(of, first, [first, second, next])
    of.cluster.run(3_000)
    const ledger = ledgerAt(of, next)
    assert.equal(ledger?.office, 'voter')
    assert.deepEqual([...ledger.settled], [0, 2])
    assert.deepEqual([...ledger.collected.done], [0, 1])
  })

  it('but none whose storage is lost before it is voted for', () => {
    const of = setup(['1'])
    const [first = '', second = '', third = ''] = of.voters
    const [next = ''] = of.others
    of.cluster.kill(second)
    of.cluster.kill(third)
    change(of, first, [first, second, next])
    of.cluster.run(500)
    assert.equal(of.cluster.node(first).machine.changer.changes.get(of.ledger)?.stage, 'asking')
    of.cluster.kill(next)
    of.cluster.wipe(next)
    of.cluster.run(100)
    of.cluster.restart(next)
    of.cluster.run(500)
    of.cluster.restart(second)
    of.cluster.restart(third)
    of.cluster.run(6_000)
    assert.deepEqual(offices(of), { [first]: 0, [second]: 0, [third]: 0 })
  })

  // Seed 9388655: who saw to it that a lost member is installed did not carry through what had been chosen since.
  it('though one of those before was never installed, and whoever chose the next ones is gone', () => {
    const of = setup(['1'])
    const [first = '', second = ''] = of.voters
    const [lost = '', next = ''] = of.others
    change(of, first, [first, second, lost])
    const { changer } = of.cluster.node(first).machine
    of.cluster.until(() => changer.changes.get(of.ledger)?.stage === 'installing', 5_000)
    of.cluster.kill(lost)
    of.cluster.wipe(lost)
    of.cluster.run(20_000)
    assert.deepEqual(offices(of), { [first]: 1, [second]: 1 })
    change(of, first, [first, second, next])
    of.cluster.until(() => (ledgerAt(of, second)?.succession?.accepted.counter ?? 0) > 0, 5_000)
    of.cluster.kill(first)
    of.cluster.run(100)
    of.cluster.restart(first)
    of.cluster.run(40_000)
    assert.deepEqual(offices(of), { [first]: 2, [second]: 2, [next]: 2 })
  })

  it('and a survivor goes on alone where a majority is lost before it has sealed', () => {
    const of = setup(['1'], 0, 'fork')
    const [first = '', second = '', third = ''] = of.voters
    const { changer } = of.cluster.node(first).machine
    change(of, first, [first, second, of.others[0] ?? ''])
    of.cluster.until(() => changer.changes.get(of.ledger)?.stage === 'installing', 1_000)
    for (const peer of [second, third]) {
      of.cluster.kill(peer)
      of.cluster.wipe(peer)
    }
    of.cluster.run(100)
    for (const peer of [second, third]) of.cluster.restart(peer)
    of.cluster.run(60_000)
    const forked = everybody.filter(peer => {
      return of.cluster.node(peer).reports.some(({ type }) => type === 'forked')
    })
    assert.deepEqual(forked, [first])
  })

  it('again and again, from one to three and back', () => {
    const of = setup(['1', '2'])
    const [first = '', second = '', third = ''] = of.voters
    const sets = [[first], [first, ...of.others], [first, second, third], [second]]
    for (const [epoch, set] of sets.entries()) {
      change(of, first, set)
      of.cluster.run(3_000)
      assert.deepEqual(offices(of), Object.fromEntries(set.map(peer => [peer, epoch + 1])))
    }
  })

  it('while its tasks run: the runs go on and their results count', () => {
    const of = setup(['1', '2', '3'], 1)
    const [first = '', second = ''] = of.voters
    const running = everybody.flatMap(peer => of.cluster.runsOf(peer).map(() => peer))
    assert.equal(running.length, 3)
    change(of, first, [first, second, of.others[0] ?? ''])
    of.cluster.run(25_000)
    const still = everybody.flatMap(peer => of.cluster.runsOf(peer).map(() => peer))
    assert.deepEqual(still, running, 'nothing was stopped or started')
    finishAll(of)
    assert.deepEqual([...(ledgerAt(of, first)?.settled ?? [])], [0, 3])
    assert.equal(
      everybody.reduce((sum, peer) => sum + of.cluster.node(peer).machine.proposer.duplicates, 0),
      0,
    )
  })

  it('while results are settled: a result in hand is settled by the new voters', () => {
    const of = setup(['1'], 1)
    const [first = '', , third = ''] = of.voters
    const worker = everybody.find(peer => of.cluster.runsOf(peer).length > 0) ?? ''
    change(of, first, [first, ...of.others])
    of.cluster.until(() => ledgerAt(of, third)?.office !== 'voter', 3_000)
    const [run] = of.cluster.runsOf(worker)
    assert.ok(run !== undefined)
    of.cluster.finish(worker, run, 'ok')
    of.cluster.run(10_000)
    for (const peer of [first, ...of.others]) {
      assert.deepEqual([...(ledgerAt(of, peer)?.settled ?? [])], [0, 1], peer)
    }
    assert.equal(
      everybody.some(peer => of.cluster.runsOf(peer).length > 0),
      false,
    )
  })

  it('and goes on taking tasks from its producer', () => {
    const of = setup(['1'])
    const [first = '', second = ''] = of.voters
    change(of, first, [first, second, of.others[0] ?? ''])
    of.cluster.publish('a', ['2', '3'])
    of.cluster.run(3_000)
    of.cluster.publish('a', ['4'])
    of.cluster.run(1_000)
    assert.equal(of.cluster.node('a').machine.producer.storing.length, 0)
    for (const peer of [first, second, of.others[0] ?? '']) {
      assert.deepEqual([...(ledgerAt(of, peer)?.stored ?? [])], [0, 4], peer)
    }
  })
})

describe('of two changes at the same time', () => {
  it('one is decided, and both nodes carry it through', () => {
    const of = setup(['1'])
    const [first = '', second = '', third = ''] = of.voters
    const [one = '', other = ''] = of.others
    change(of, first, [first, second, one])
    change(of, second, [second, third, other])
    of.cluster.run(20_000)
    const votes = offices(of)
    const epochs = new Set(Object.values(votes))
    assert.equal(Object.keys(votes).length, 3)
    assert.deepEqual([...epochs], [1])
    const sets = everybody.flatMap(
      peer =>
        ledgerAt(of, peer)
          ?.info.voters.map(({ peer }) => peer)
          .join() ?? [],
    )
    assert.equal(new Set(sets).size, 1)
  })
})

describe('a change survives', () => {
  it('a new voter that is restarted before it votes', () => {
    const of = setup(['1', '2'])
    const [first = '', second = ''] = of.voters
    const [next = ''] = of.others
    change(of, first, [first, second, next])
    of.cluster.until(() => ledgerAt(of, next) !== undefined, 3_000)
    of.cluster.kill(next)
    of.cluster.run(500)
    of.cluster.restart(next)
    of.cluster.run(10_000)
    assert.deepEqual(offices(of), { [first]: 1, [second]: 1, [next]: 1 })
  })

  it('restarts of all who vote, with what they had accepted', () => {
    const of = setup(['1', '2'], 1)
    const [first = '', second = ''] = of.voters
    const [next = ''] = of.others
    const running = everybody.filter(peer => of.cluster.runsOf(peer).length > 0)
    const [worker = ''] = running
    const [run] = of.cluster.runsOf(worker)
    assert.ok(run !== undefined)
    of.cluster.finish(worker, run, 'ok')
    of.cluster.run(1_000)
    change(of, first, [first, second, next])
    of.cluster.run(3_000)
    for (const peer of [first, second, next]) of.cluster.kill(peer)
    of.cluster.run(1_000)
    for (const peer of [first, second, next]) of.cluster.restart(peer)
    of.cluster.run(40_000)
    assert.deepEqual(offices(of), { [first]: 1, [second]: 1, [next]: 1 })
    finishAll(of)
    for (const peer of [first, second, next]) {
      assert.deepEqual([...(ledgerAt(of, peer)?.settled ?? [])], [0, 2], peer)
    }
  })
})
