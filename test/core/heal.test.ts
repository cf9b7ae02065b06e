import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LedgerId, PeerId } from '../../src/core/ids.ts'
import { heirsOf } from '../../src/core/heal.ts'
import { replaceMs } from '../../src/core/next-voters.ts'
import { Harness } from './harness.ts'

/** Some nodes of which the first has published a task that nobody runs. */
function published(peers: readonly PeerId[], absent: readonly PeerId[] = []): Harness {
  const cluster = new Harness(peers.map(peer => ({ peer, concurrency: 0 })))
  for (const peer of absent) cluster.kill(peer)
  cluster.run(8_000)
  cluster.publish('a', ['one'])
  cluster.run(500)
  return cluster
}

function ledgerOf(cluster: Harness): LedgerId {
  const told = cluster.node('a').reports.find(event => event.type === 'published')
  assert.ok(told?.type === 'published')
  return told.ledger
}

/** Who votes in a ledger, and in which epoch. */
function votersOf(cluster: Harness, ledger: LedgerId, peers: readonly PeerId[]): string[] {
  return peers.flatMap(peer => {
    const held = cluster.node(peer).machine.voter.ledgers.get(ledger)
    return held?.office === 'voter' ? [`${peer}${held.info.epoch}`] : []
  })
}

function others(cluster: Harness, ledger: LedgerId): PeerId[] {
  const held = cluster.node('a').machine.voter.ledgers.get(ledger)
  return (held?.info.voters ?? []).map(({ peer }) => peer).filter(peer => peer !== 'a')
}

describe('a ledger with open tasks', () => {
  const abc = ['a', 'b', 'c']
  const abcd = ['a', 'b', 'c', 'd']

  it('gets three voters once two more nodes are there', () => {
    const cluster = published(abc, ['b', 'c'])
    const ledger = ledgerOf(cluster)
    assert.deepEqual(votersOf(cluster, ledger, abc), ['a0'])
    for (const peer of ['b', 'c']) cluster.restart(peer)
    // One of them did not answer when it was dead.
    cluster.run(35_000)
    assert.deepEqual(votersOf(cluster, ledger, abc), ['a1', 'b1', 'c1'])
  })

  it('gets another voter for one that has been gone for a minute, and not earlier', () => {
    const cluster = published(abcd)
    const ledger = ledgerOf(cluster)
    const [gone = ''] = others(cluster, ledger)
    cluster.kill(gone)
    cluster.run(replaceMs - 1_000)
    assert.equal(votersOf(cluster, ledger, abcd).filter(name => name.endsWith('1')).length, 0)
    cluster.run(15_000)
    const votes = votersOf(
      cluster,
      ledger,
      abcd.filter(peer => peer !== gone),
    )
    assert.deepEqual(
      votes,
      abcd.filter(peer => peer !== gone).map(peer => `${peer}1`),
    )
  })

  it('does so although the first voter is the one that is gone', () => {
    const cluster = published(abcd)
    const ledger = ledgerOf(cluster)
    cluster.kill('a')
    cluster.run(replaceMs + 20_000)
    assert.deepEqual(votersOf(cluster, ledger, ['b', 'c', 'd']), ['b1', 'c1', 'd1'])
  })

  it('has whoever was gone follow when it comes back, and forget what others keep', () => {
    const cluster = published(abcd)
    const ledger = ledgerOf(cluster)
    const [gone = ''] = others(cluster, ledger)
    cluster.kill(gone)
    cluster.run(replaceMs + 15_000)
    cluster.restart(gone)
    cluster.run(60_000)
    const held = cluster.node(gone).machine.voter
    assert.equal(held.ledgers.get(ledger), undefined)
    assert.equal(held.moved.get(ledger)?.epoch, 1)
  })

  it('has whoever was chosen and never told so learn it from its fellows', () => {
    const cluster = published(abcd)
    const ledger = ledgerOf(cluster)
    const before = cluster.node('a').machine.voter.ledgers.get(ledger)?.info
    assert.ok(before !== undefined)
    const [gone = ''] = others(cluster, ledger)
    const next = abcd.find(peer => before.voters.every(voter => voter.peer !== peer)) ?? ''
    cluster.kill(gone)
    cluster.run(replaceMs + 15_000)
    assert.deepEqual(votersOf(cluster, ledger, [next]), [`${next}1`])
    // As if it had only copied the ledger, and all who were to tell it had forgotten that.
    cluster.kill(next)
    const { entries } = cluster.node(next)
    entries.fill({ type: 'started', node: `${next}.0` })
    entries[0] = { type: 'observed', ...before }
    for (const peer of abcd) {
      const { changer, voter } = cluster.node(peer).machine
      changer.changes.clear()
      const held = voter.ledgers.get(ledger)
      if (held !== undefined) held.isWhole = true
    }
    cluster.run(1_000)
    cluster.restart(next)
    cluster.run(30_000)
    assert.deepEqual(votersOf(cluster, ledger, [next]), [`${next}1`])
  })

  it('takes a voter with an empty disk in again, as another one', () => {
    const cluster = published(abc)
    const ledger = ledgerOf(cluster)
    const [wiped = ''] = others(cluster, ledger)
    cluster.kill(wiped)
    cluster.wipe(wiped)
    cluster.run(1_000)
    cluster.restart(wiped)
    cluster.run(500)
    assert.ok(!votersOf(cluster, ledger, abc).some(name => name.startsWith(wiped)))
    cluster.run(20_000)
    assert.deepEqual(votersOf(cluster, ledger, abc), ['a1', 'b1', 'c1'])
    const held = cluster.node(wiped).machine.voter.ledgers.get(ledger)
    assert.deepEqual([...(held?.stored ?? [])], [0, 1])
    assert.ok(held?.info.voters.some(({ storageId }) => storageId === `s-${wiped}1`))
  })

  it('stays where it is as long as a node is there that does not know how voters change', () => {
    const cluster = published(abc, ['b', 'c'])
    const ledger = ledgerOf(cluster)
    for (const peer of ['b', 'c']) cluster.restart(peer)
    cluster.run(100)
    const old = cluster.node('a').machine.members.peers.get('b')
    assert.ok(old?.hello !== undefined)
    old.hello = { ...old.hello, changes: false }
    cluster.run(60_000)
    assert.deepEqual(votersOf(cluster, ledger, abc), ['a0'])
  })
})

describe('a node that is about to stop', () => {
  function handsOver(cluster: Harness, peer: PeerId): boolean {
    cluster.take(peer, 'hand-over')
    cluster.run(3_000)
    return cluster.node(peer).reports.some(event => event.type === 'handed-over')
  }

  it('hands its votes over, and says when that is done', () => {
    const abcd = ['a', 'b', 'c', 'd']
    const cluster = published(abcd)
    const ledger = ledgerOf(cluster)
    assert.equal(handsOver(cluster, 'a'), true)
    assert.deepEqual(votersOf(cluster, ledger, abcd), ['b1', 'c1', 'd1'])
    assert.equal(cluster.node('a').machine.voter.ledgers.get(ledger), undefined)
  })

  it('still knows what it runs when it has handed over its records', () => {
    const peers = ['a', 'b', 'c', 'd']
    const cluster = new Harness(peers.map(peer => ({ peer, concurrency: peer === 'a' ? 1 : 0 })))
    cluster.run(8_000)
    cluster.publish('a', ['one'])
    cluster.run(500)
    const ledger = ledgerOf(cluster)
    const [run] = cluster.runsOf('a')
    assert.ok(run !== undefined)
    assert.equal(handsOver(cluster, 'a'), true)
    assert.equal(cluster.node('a').machine.voter.ledgers.get(ledger), undefined)
    cluster.finish('a', run, '', 'error')
    cluster.run(100)
    const held = cluster.node('b').machine.voter.ledgers.get(ledger)
    assert.deepEqual(
      held?.values.map(kept => [kept?.values.kind, kept?.values.failures]),
      [['pending', 1]],
    )
  })

  it('hands a ledger of its own to the only other node', () => {
    const cluster = published(['a', 'b'])
    const ledger = ledgerOf(cluster)
    assert.equal(handsOver(cluster, 'a'), true)
    assert.deepEqual(votersOf(cluster, ledger, ['a', 'b']), ['b1'])
  })

  it('hands over what names blobs to those who have them, and to nobody else', () => {
    for (const [has, after] of [
      ['', 'a0'],
      ['x', 'a0'],
      ['b', 'b1'],
    ] as const) {
      const cluster = new Harness(['a', 'b'].map(peer => ({ peer, concurrency: 0 })))
      cluster.run(8_000)
      cluster.publish('a', ['\0blob'])
      cluster.run(500)
      const ledger = ledgerOf(cluster)
      assert.deepEqual([...heirsOf(cluster.node('a').machine, cluster.now)], [[ledger, ['b']]])
      cluster.handOver('a', has === '' ? undefined : new Map([[ledger, new Set([has])]]))
      cluster.run(3_000)
      assert.deepEqual(votersOf(cluster, ledger, ['a', 'b']), [after])
    }
  })

  it('says so at once where nobody could take them', () => {
    const cluster = published(['a', 'b', 'c'])
    cluster.take('a', 'hand-over')
    assert.ok(cluster.node('a').reports.some(event => event.type === 'handed-over'))
    cluster.run(3_000)
    assert.deepEqual(votersOf(cluster, ledgerOf(cluster), ['a', 'b', 'c']), ['a0', 'b0', 'c0'])
  })
})
