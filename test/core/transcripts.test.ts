import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LedgerId, PeerId } from '../../src/core/ids.ts'
import { Harness } from './harness.ts'

const folder = join(import.meta.dirname, '..', 'transcripts')

/** Three voters, of which these work, with a's ledger open at all three. */
function three(workers: Readonly<Record<PeerId, number>>): { cluster: Harness; ledger: LedgerId } {
  const plans = ['a', 'b', 'c'].map(peer => ({ peer, concurrency: workers[peer] ?? 0 }))
  const cluster = new Harness(plans)
  const ledgerOfA = () => cluster.node('a').machine.producer.current?.info
  cluster.until(() => ledgerOfA()?.voters.length === 3, 10_000)
  cluster.run(5_000)
  cluster.write()
  return { cluster, ledger: ledgerOfA()?.ledger ?? '' }
}

/** State of a task at a node: 1 is open, above is settled. */
function stateAt(cluster: Harness, peer: PeerId, ledger: LedgerId, seq = 0): number {
  return cluster.node(peer).machine.voter.ledgers.get(ledger)?.pages.get(0)?.state[seq] ?? 0
}

function settledEverywhere(cluster: Harness, ledger: LedgerId, seq = 0): boolean {
  return ['a', 'b', 'c'].every(peer => stateAt(cluster, peer, ledger, seq) > 1)
}

function plain(): Harness {
  const { cluster, ledger } = three({ b: 2 })
  cluster.note('a publishes two tasks; b has two slots')
  cluster.publish('a', ['one', 'two'])
  cluster.until(() => cluster.runsOf('b').length > 0, 1_000)
  cluster.run(8)
  cluster.note('b has done both: its own accept and one more decide')
  const [run] = cluster.runsOf('b')
  if (run !== undefined) cluster.finish('b', run, 'ok')
  cluster.until(() => settledEverywhere(cluster, ledger, 1), 1_000)
  cluster.run(5)
  return cluster
}

function killed(): Harness {
  const { cluster, ledger } = three({ b: 1, c: 1 })
  cluster.note('one task, claimed by b or c')
  cluster.publish('a', ['one'])
  const running = () => ['b', 'c'].find(peer => cluster.runsOf(peer).length > 0)
  cluster.until(() => running() !== undefined, 1_000)
  cluster.run(20)
  const worker = running() ?? ''
  const other = worker === 'b' ? 'c' : 'b'
  cluster.note(`${worker} is killed; a redial is refused, so its lease ends long before its time`)
  cluster.kill(worker)
  cluster.until(() => cluster.runsOf(other).length > 0, 10_000)
  cluster.run(8)
  cluster.note(`${other} has run it; a and ${other} are a majority`)
  const [run] = cluster.runsOf(other)
  if (run !== undefined) cluster.finish(other, run, 'ok')
  cluster.until(() => stateAt(cluster, 'a', ledger) > 1, 1_000)
  cluster.run(5)
  return cluster
}

function contended(): Harness {
  const { cluster, ledger } = three({ b: 1, c: 1 })
  cluster.note('a task that waits; b and c come to it in the same moment')
  for (const peer of ['b', 'c']) cluster.node(peer).machine.dispatch.draining = true
  cluster.publish('a', ['one'])
  cluster.run(60)
  for (const peer of ['b', 'c']) cluster.node(peer).machine.dispatch.draining = false
  for (const peer of ['b', 'c']) cluster.wake(peer)
  const running = () => ['b', 'c'].filter(peer => cluster.runsOf(peer).length > 0)
  cluster.until(() => running().length > 0, 10_000)
  cluster.run(10)
  assert.equal(running().length, 1, 'one of them runs it')
  const [winner = ''] = running()
  cluster.note(`${winner} has won`)
  const [run] = cluster.runsOf(winner)
  if (run !== undefined) cluster.finish(winner, run, 'ok')
  cluster.until(() => settledEverywhere(cluster, ledger), 1_000)
  return cluster
}

function cancelled(): Harness {
  const { cluster, ledger } = three({ b: 1 })
  cluster.publish('a', ['one'])
  cluster.until(() => cluster.runsOf('b').length > 0, 1_000)
  cluster.run(8)
  cluster.note('c cancels the task in the millisecond in which b has done it')
  const [run] = cluster.runsOf('b')
  cluster.cancel('c', ledger, [0, 1])
  if (run !== undefined) cluster.finish('b', run, 'ok')
  cluster.until(() => settledEverywhere(cluster, ledger), 30_000)
  cluster.run(20)
  const states = ['a', 'b', 'c'].map(peer => stateAt(cluster, peer, ledger))
  assert.equal(new Set(states).size, 1, 'all know the same outcome')
  return cluster
}

function restarted(): Harness {
  const { cluster, ledger } = three({ b: 1 })
  cluster.publish('a', ['one'])
  cluster.until(() => cluster.runsOf('b').length > 0, 1_000)
  cluster.run(8)
  cluster.note('the other two voters restart: what they have promised counts as their mark')
  for (const peer of ['a', 'c']) cluster.kill(peer)
  cluster.run(50)
  for (const peer of ['a', 'c']) cluster.restart(peer)
  cluster.run(50)
  cluster.note('b has done it: its ballot is behind the mark, so it raises')
  const [run] = cluster.runsOf('b')
  assert.ok(run !== undefined, 'the run went on')
  cluster.finish('b', run, 'ok')
  cluster.until(() => settledEverywhere(cluster, ledger), 30_000)
  cluster.run(5)
  assert.equal(cluster.node('b').machine.proposer.duplicates, 0)
  return cluster
}

function handedOver(): Harness {
  const cluster = new Harness(['a', 'b'].map(peer => ({ peer, concurrency: peer === 'b' ? 1 : 0 })))
  cluster.run(10_000)
  cluster.write()
  cluster.note('a votes alone; b has its task')
  cluster.publish('a', ['one'])
  cluster.until(() => cluster.runsOf('b').length > 0, 1_000)
  cluster.run(8)
  cluster.note('a is about to stop: b copies, is chosen, and takes what a has sealed')
  cluster.take('a', 'hand-over')
  const votes = () => [...cluster.node('b').machine.voter.ledgers.values()]
  cluster.until(() => votes().some(({ info }) => info.epoch === 1), 1_000)
  cluster.run(8)
  cluster.note('b has done it, and decides by itself')
  const [run] = cluster.runsOf('b')
  assert.ok(run !== undefined, 'the run went on')
  cluster.finish('b', run, 'ok')
  cluster.run(5)
  return cluster
}

const transcripts: Readonly<Record<string, () => Harness>> = {
  'plain-task': plain,
  'killed-worker': killed,
  'contended-claim': contended,
  'cancel-against-finisher': cancelled,
  'restarted-voters': restarted,
  'hand-over': handedOver,
}

for (const [name, record] of Object.entries(transcripts)) {
  test(`${name.replaceAll('-', ' ')}: message by message`, async () => {
    const file = join(folder, `${name}.txt`)
    const { text } = record()
    if (process.env['REWRITE'] === '1') await writeFile(file, text)
    assert.equal(text, await readFile(file, 'utf8'))
  })
}

test('a transcript is the same every time', () => {
  assert.equal(plain().text, plain().text)
})
