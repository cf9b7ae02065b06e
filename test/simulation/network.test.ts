import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hint } from '../../src/core/messages.ts'
import { Agenda } from '../../src/simulator/agenda.ts'
import { calm, type Faults } from '../../src/simulator/faults.ts'
import { Gossip } from '../../src/simulator/gossip.ts'
import { type Host, Network } from '../../src/simulator/network.ts'
import { Prng } from '../../src/simulator/prng.ts'
import { encodeHints } from '../../src/wire/codec.ts'

/** Two or more hosts that write down what the network tells them. */
function setup(faults: Partial<Faults> = {}, size = 2) {
  const agenda = new Agenda()
  let nowMs = 0
  let current: Faults = { ...calm, ...faults }
  const network = new Network({
    agenda,
    prng: new Prng(1),
    now: () => nowMs,
    faults: () => current,
    count: () => {},
  })
  const logs: string[][] = []
  const hosts = Array.from({ length: size }, (_, index) => {
    const log: string[] = []
    logs.push(log)
    const host: Host & { running: boolean; powered: boolean; starts: number } = {
      peer: `n${index}`,
      guest: false,
      running: true,
      paused: false,
      powered: true,
      starts: 1,
      peerUp: peer => log.push(`up ${peer}`),
      peerDown: peer => log.push(`down ${peer}`),
      unreachable: (peer, refused) => log.push(`${refused ? 'refused' : 'unreachable'} ${peer}`),
      frame: (from, bytes) => log.push(`${from.peer}:${bytes.join()}`),
      hints: (from, { hints }) =>
        log.push(`hint ${from.peer}:${hints.map(({ type }) => type).join()}`),
    }
    network.add(host)
    return host
  })
  const run = (ms: number): void => {
    const until = nowMs + ms
    while (agenda.nextAt <= until) {
      nowMs = agenda.nextAt
      agenda.take().fire()
    }
    nowMs = until
  }
  const change = (more: Partial<Faults>): void => {
    current = { ...current, ...more }
  }
  return { network, hosts, logs, run, change }
}

test('a stream opens at both ends and keeps frames in order', () => {
  const { network, logs, run } = setup({ latencyMs: [0.1, 20], tailP: 0.2, tailMs: 500 })
  network.introduce(0, 1)
  run(5_000)
  for (let i = 0; i < 50; i++) network.send(0, 1, Uint8Array.of(i))
  run(60_000)
  assert.deepEqual(logs[0], ['up n1'])
  const expected = Array.from({ length: 50 }, (_, i) => `n0:${i}`)
  assert.deepEqual(logs[1], ['up n0', ...expected])
})

test('frames are lost, doubled and reordered only as the faults say', () => {
  const count = (faults: Partial<Faults>): string[] => {
    const { network, logs, run, change } = setup()
    network.introduce(0, 1)
    run(100)
    change(faults)
    for (let i = 0; i < 200; i++) network.send(0, 1, Uint8Array.of(i))
    run(10_000)
    return logs[1]?.slice(1) ?? []
  }
  assert.ok(count({ lossP: 0.5 }).length < 150)
  assert.ok(count({ duplicateP: 0.5 }).length > 250)
  const reordered = count({ reorderP: 0.5 })
  assert.equal(reordered.length, 200)
  assert.notDeepEqual(
    reordered,
    reordered.toSorted((a, b) => Number(a.slice(3)) - Number(b.slice(3))),
  )
})

test('a partition holds frames up; a short one breaks nothing', () => {
  const { network, logs, run } = setup()
  network.introduce(0, 1)
  run(100)
  network.block(0, 1)
  network.send(0, 1, Uint8Array.of(1))
  network.send(1, 0, Uint8Array.of(2))
  run(1_000)
  assert.deepEqual(logs, [['up n1', 'n1:2'], ['up n0']])
  network.unblock(0, 1)
  run(1_000)
  assert.deepEqual(logs[1], ['up n0', 'n0:1'])
})

test('a long partition closes the stream; after it the peers meet again', () => {
  const { network, logs, run } = setup()
  network.introduce(0, 1)
  run(100)
  network.block(1, 0)
  run(60_000)
  assert.deepEqual(logs[0]?.slice(0, 3), ['up n1', 'down n1', 'unreachable n1'])
  assert.ok(!logs[0]?.includes('refused n1'))
  network.unblockAll()
  run(60_000)
  assert.equal(logs[0]?.at(-1), 'up n1')
  assert.equal(logs[1]?.at(-1), 'up n0')
})

test('a machine refuses connections when its process is dead, and is silent without power', () => {
  const { network, hosts, logs, run } = setup()
  const [first, second] = hosts
  network.introduce(0, 1)
  run(100)
  assert.ok(first !== undefined && second !== undefined)
  second.running = false
  network.stopped(1)
  run(2_000)
  assert.deepEqual(logs[0]?.slice(0, 3), ['up n1', 'down n1', 'refused n1'])

  second.running = true
  second.starts += 1
  network.started(1)
  run(10_000)
  assert.equal(logs[0]?.at(-1), 'up n1')

  second.running = false
  second.powered = false
  network.stopped(1)
  run(60_000)
  assert.equal(logs[0]?.filter(line => line === 'down n1').length, 2)
  assert.equal(logs[0]?.at(-1), 'unreachable n1')
})

test('a new process of a peer ends the old stream before it opens another', () => {
  const { network, hosts, logs, run } = setup()
  const second = hosts[1]
  network.introduce(0, 1)
  network.introduce(1, 0)
  run(100)
  assert.ok(second !== undefined)
  second.running = false
  second.powered = false
  network.stopped(1)
  second.running = true
  second.powered = true
  second.starts += 1
  network.started(1)
  run(10_000)
  assert.deepEqual(logs[0], ['up n1', 'down n1', 'up n1'])
})

test('nobody dials a guest, and a host that hung up waits', () => {
  const { network, hosts, logs, run } = setup()
  const second = hosts[1]
  assert.ok(second !== undefined)
  Object.assign(second, { guest: true })
  network.introduce(0, 1)
  run(10_000)
  assert.deepEqual(logs, [[], []])
  network.introduce(1, 0)
  run(10_000)
  assert.deepEqual(logs, [['up n1'], ['up n0']])
  network.hangup(1, 0)
  run(10_000)
  assert.deepEqual(logs[1], ['up n0', 'down n0'])
  run(60_000)
  assert.equal(logs[1]?.at(-1), 'up n0')
})

const taken: Hint = { type: 'taken', ledger: 'ab'.repeat(16), seqs: [3, 2] }

test('hints that several hear of are changed by none of them', () => {
  const { hints } = new Gossip(encodeHints([taken]))
  assert.deepEqual(hints, [taken])
  assert.ok(Object.isFrozen(hints[0]?.type === 'taken' && hints[0].seqs))
})

test('hints reach every connected host that they are not lost to', () => {
  const { network, logs, run, change } = setup({}, 3)
  network.introduce(0, 1)
  run(100)
  network.gossip(0, encodeHints([taken]))
  run(100)
  assert.deepEqual(
    logs.map(log => log.filter(line => line.startsWith('hint'))),
    [[], ['hint n0:taken'], []],
  )
  change({ gossipLossP: 1 })
  network.gossip(0, encodeHints([taken]))
  run(100)
  assert.equal(logs[1]?.length, 2)
})
