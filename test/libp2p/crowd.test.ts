import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GossipSub } from '@libp2p/gossipsub'
import type { TestNode } from './nodes.ts'
import { startNode } from './nodes.ts'
import { until } from './until.ts'

const crowd = 20

test('twenty nodes behind one address all connect at once, and gossip reaches all of them', async t => {
  // All of them share one event loop here: nobody may be called late.
  const timings = { controlWaitMs: 15_000, addressMs: 15_000, dialMs: 15_000 }
  const hub = await startNode(t, { timings })
  const others = await Promise.all(
    Array.from({ length: crowd }, () =>
      startNode(t, { timings, bootstrap: hub.network.addresses() }),
    ),
  )
  await hub.until(() => hub.network.health().up.length === crowd, 'all are up')
  // None was refused for coming too fast, and none has come twice.
  const all = [hub, ...others]
  const happened = {
    up: hub.count('up'),
    down: hub.count('down'),
    unreachable: all.flatMap(({ told }) => told.filter(({ type }) => type === 'unreachable')),
    errors: all.flatMap(({ errors }) => errors),
  }
  assert.deepEqual(happened, { up: crowd, down: 0, unreachable: [], errors: [] })

  const heard = (node: TestNode, from: TestNode): boolean =>
    node.told.some(one => one.type === 'hints' && one.peer === from.network.peer)
  const publish = (node: TestNode, free: number): void =>
    node.network.gossip([{ type: 'presence', queues: [], concurrency: 1_000_000, free }])
  let round = 0
  const last = others.at(-1) as TestNode
  await until(() => {
    round++
    publish(hub, round)
    publish(last, round)
    const all = others.every(node => heard(node, hub) && (node === last || heard(node, last)))
    return all && heard(hub, last)
  }, 'everybody has heard the hub and the last one')

  // More than ten peers of one address are scored down by default; it shows with a heartbeat.
  const { promise, resolve } = Promise.withResolvers<void>()
  const pubsub = hub.network.libp2p?.services['pubsub'] as GossipSub
  pubsub.addEventListener('gossipsub:heartbeat', () => resolve(), { once: true })
  await promise
  const scores = others.map(({ network }) => score(pubsub, network.peer))
  assert.ok(
    scores.every(score => score >= 0),
    `scores are ${scores.join()}`,
  )
  const before = others.map(node => node.count('hints'))
  await until(() => {
    publish(hub, ++round)
    return others.every((node, i) => node.count('hints') > (before[i] ?? 0))
  }, 'everybody hears the hub after it, too')
})

function score(pubsub: GossipSub, peer: string): number {
  if (!('getScore' in pubsub) || typeof pubsub.getScore !== 'function') throw new Error('No scores')
  return Number(pubsub.getScore(peer))
}
