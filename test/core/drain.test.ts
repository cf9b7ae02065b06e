import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PeerId } from '../../src/core/ids.ts'
import { Harness } from './harness.ts'

const names = ['a', 'b', 'c', 'd', 'e']

/** Five nodes with a task of a's that one which does not vote has claimed; another could, too. */
function asking(): { cluster: Harness; voters: PeerId[]; worker: PeerId; other: PeerId } {
  const cluster = new Harness(names.map(peer => ({ peer, concurrency: 1 })))
  const ledger = () => cluster.node('a').machine.producer.current?.info
  cluster.until(() => ledger()?.voters.length === 3, 10_000)
  cluster.run(5_000)
  const voters = ledger()?.voters.map(({ peer }) => peer) ?? []
  const [worker = '', other = ''] = names.filter(peer => !voters.includes(peer))
  for (const peer of names) cluster.node(peer).machine.dispatch.draining = peer !== worker
  cluster.publish('a', ['one'])
  cluster.until(() => cluster.node(worker).machine.proposer.claims.size > 0, 20_000)
  return { cluster, voters, worker, other }
}

/** The same once it runs the task. */
function running(): ReturnType<typeof asking> {
  const asked = asking()
  const { cluster, voters, worker } = asked
  cluster.until(() => cluster.runsOf(worker).length > 0, 20_000)
  cluster.run(50)
  assert.ok(voters.every(peer => grantsAt(cluster, peer) === 1))
  return asked
}

function isDrained(cluster: Harness, peer: PeerId): boolean {
  return cluster.node(peer).reports.some(({ type }) => type === 'drained')
}

function settledAt(cluster: Harness, voters: readonly PeerId[]): number {
  const settled = (peer: PeerId): boolean =>
    cluster
      .node(peer)
      .machine.voter.ledgers.values()
      .some(({ settled }) => settled.length > 0)
  return voters.filter(settled).length
}

/** Grants that a voter counts for the only task. */
function grantsAt(cluster: Harness, peer: PeerId): number {
  const ledgers = cluster.node(peer).machine.voter.ledgers.values()
  const pages = ledgers.flatMap(({ pages }) => pages.values())
  return pages.reduce((sum, page) => sum + (page.grants[0] ?? 0), 0)
}

describe('a node that drains', () => {
  it('says so at once if it holds nothing, and each time that it is asked', () => {
    const { cluster, other } = running()
    cluster.take(other, 'drain')
    cluster.take(other, 'drain')
    const reports = cluster.node(other).reports.filter(({ type }) => type === 'drained')
    assert.equal(reports.length, 2)
  })

  it('has drained when its result is decided, not when its handler has returned', () => {
    const { cluster, worker, voters } = running()
    cluster.take(worker, 'drain')
    cluster.run(5_000)
    const [run] = cluster.runsOf(worker)
    assert.ok(run !== undefined, 'what runs goes on')
    assert.equal(isDrained(cluster, worker), false)
    cluster.finish(worker, run, 'ok')
    assert.equal(isDrained(cluster, worker), false)
    cluster.until(() => isDrained(cluster, worker), 1_000)
    cluster.take(worker, 'leave')
    cluster.run(5)
    assert.equal(settledAt(cluster, voters), 3)
  })

  it('has drained when it has given back what had not started', () => {
    const { cluster, worker, voters } = running()
    cluster.take(worker, 'drain')
    const [run] = cluster.runsOf(worker)
    assert.ok(run !== undefined)
    cluster.finish(worker, run, '', 'released')
    assert.equal(isDrained(cluster, worker), true)
    cluster.run(10)
    assert.deepEqual(
      voters.map(peer => grantsAt(cluster, peer)),
      [0, 0, 0],
    )
  })
})

describe('a node that leaves', () => {
  it('gives back what runs, which counts as no grant, and voters announce it at once', () => {
    const { cluster, worker, other, voters } = running()
    for (const peer of voters) cluster.node(peer).hints.length = 0
    cluster.take(worker, 'leave')
    assert.deepEqual(cluster.runsOf(worker), [])
    cluster.run(5)
    assert.deepEqual(
      voters.map(peer => grantsAt(cluster, peer)),
      [0, 0, 0],
    )
    const announced = cluster.node(voters[0] ?? '').hints.map(({ type }) => type)
    assert.deepEqual(announced, ['announce'])

    cluster.node(other).machine.dispatch.draining = false
    cluster.until(() => cluster.runsOf(other).length > 0, 20_000)
    assert.deepEqual([...(cluster.runsOf(other)[0]?.attempts ?? [])], [1])
  })

  // Seed 9797630: what it had given back was granted, and it ran it.
  it('runs nothing any more that it has only asked for', () => {
    const { cluster, worker, other } = asking()
    assert.deepEqual(cluster.runsOf(worker), [])
    cluster.take(worker, 'leave')
    assert.equal(cluster.node(worker).machine.proposer.claims.size, 0)
    cluster.run(50)
    assert.deepEqual(cluster.runsOf(worker), [])

    cluster.node(other).machine.dispatch.draining = false
    cluster.until(() => cluster.runsOf(other).length > 0, 20_000)
  })

  it('that is killed has its tasks announced when a redial is refused', () => {
    const { cluster, worker, voters } = running()
    cluster.run(30_000)
    for (const peer of voters) cluster.node(peer).hints.length = 0
    cluster.kill(worker)
    cluster.run(600)
    const announced = cluster.node(voters[0] ?? '').hints.map(({ type }) => type)
    assert.deepEqual(announced, ['announce'])
  })
})
