import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noneCollected } from '../../src/core/collected.ts'
import type { Effect } from '../../src/core/effects.ts'
import type { Input } from '../../src/core/inputs.ts'
import { createMachine, type Machine, replay, start, step } from '../../src/core/machine.ts'
import type { Message } from '../../src/core/messages.ts'
import { forsakenMs } from '../../src/core/orphans.ts'
import { chunkOf, infoOf, leaseMs, ledgerId } from './fixtures.ts'
import { helloOf } from './peers.ts'

const info = infoOf(['v0', 'v1', 'v2'])
const of = { ledger: ledgerId, epoch: 0 } as const

/** A node `v0` that publishes anew what has lost its voters. */
class Survivor {
  readonly machine: Machine
  now = 1_000

  constructor() {
    this.machine = createMachine({
      ...{ peer: 'v0', incarnation: '1', storageId: 's-v0', seed: [1, 2, 3, 4] },
      ...{ guest: false, voters: 3, leaseMs, maxDeliveries: 5, orphans: 'fork' },
      ...{ queues: [], concurrency: 0, labels: [], maxBytes: 1_000_000 },
      ...{ wallOffsetMs: 0, intact: true, pageTasks: 16 },
    })
  }

  /** Votes in the ledger, and keeps one open task. */
  static voting(): Survivor {
    const survivor = new Survivor()
    const { machine, now } = survivor
    replay(machine, { type: 'opened', ...info }, now)
    start(machine, 1, now)
    survivor.join('v1', 's-v1')
    survivor.receive('v1', { type: 'store', ...of, fresh: false, chunks: [chunkOf(0, ['x'])] })
    survivor.step({ type: 'peer-down', peer: 'v1' })
    return survivor
  }

  /** Keeps a copy of the one open task of `v1`, `v2` and `v3`, of whom only the last one is left. */
  static copying(): Survivor {
    const survivor = new Survivor()
    const { machine, now } = survivor
    replay(machine, { type: 'observed', ...infoOf(['v1', 'v2', 'v3']) }, now)
    const at = { dueWallMs: now, publishedWallMs: now, origin: undefined }
    replay(machine, { type: 'stored', ledger: ledgerId, chunk: chunkOf(0, ['x']), ...at }, now)
    start(machine, 2, now)
    survivor.join('v1', 'new')
    survivor.join('v2', 'new')
    survivor.join('v3', 's-v3')
    return survivor
  }

  /** Is to follow `v1`, `v2` and `v3` together with the last two, who have lost all. */
  static following(): Survivor {
    const survivor = new Survivor()
    start(survivor.machine, 0, survivor.now)
    survivor.join('v1', 's-v1')
    survivor.join('v2', 'new')
    survivor.join('v3', 'new')
    const next = { ...infoOf(['v2', 'v3', 'v0']), epoch: 1 }
    const before = infoOf(['v1', 'v2', 'v3']).voters
    survivor.receive('v1', { type: 'install', ...next, before, end: -1 })
    return survivor
  }

  step(input: Input): Effect[] {
    const effects = step(this.machine, input, this.now)
    const { lsn } = this.machine.outbox
    return [...effects, ...step(this.machine, { type: 'durable', lsn }, this.now)]
  }

  receive(from: string, message: Message): Effect[] {
    return this.step({ type: 'received', from, lsn: 0, message })
  }

  join(peer: string, storageId: string): void {
    this.step({ type: 'peer-up', peer })
    this.receive(peer, helloOf(peer, { storageId, queues: [], concurrency: 0 }))
  }

  /** Lets time pass, with others that vote wherever they are asked to. Returns how many tasks were published anew. */
  pass(ms: number, seen: (effect: Effect) => void = () => {}): number {
    let forked = 0
    for (const until = this.now + ms; this.now < until; this.now += 500) {
      for (const effect of this.step({ type: 'tick' })) {
        seen(effect)
        if (effect.type === 'report' && effect.event.type === 'forked') forked += effect.event.count
        if (effect.type !== 'send' || effect.message.type !== 'open') continue
        const { ledger, epoch } = effect.message
        this.receive(effect.to, { type: 'opened', ledger, epoch })
      }
    }
    return forked
  }
}

describe('a survivor', () => {
  it('waits where one fellow has another storage and the other one votes', () => {
    const survivor = Survivor.voting()
    survivor.join('v1', 'new')
    survivor.join('v2', 's-v2')
    assert.equal(survivor.pass(2 * forsakenMs), 0)
  })

  it('goes on where the other one does not know the young ledger: it is an old copy', () => {
    const survivor = Survivor.voting()
    survivor.join('v1', 'new')
    survivor.join('v2', 's-v2')
    survivor.receive('v2', { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 })
    assert.equal(survivor.pass(forsakenMs / 2), 0)
    assert.equal(survivor.pass(forsakenMs), 1)
  })

  // Seed 9111380: each of the two waited for the other one.
  it('that has sealed leaves it to one that is to follow', () => {
    const survivor = Survivor.voting()
    const { voters } = infoOf(['v1', 'v2', 'v3'])
    const all = { from: 0, to: 2 ** 31, stored: [], settled: [] }
    survivor.join('v3', 's-v3')
    survivor.receive('v3', { type: 'seal', ...of, voters, ...all })
    survivor.join('v1', 'new')
    survivor.join('v2', 'new')
    assert.equal(survivor.pass(2 * forsakenMs), 0)
  })

  // Seed 9112503: the voter that was left had never been given the tasks.
  it('that keeps a copy gives what is open to a voter that is left', () => {
    const survivor = Survivor.copying()
    const given: (readonly [string, number | undefined])[] = []
    const seen = (effect: Effect): void => {
      if (effect.type !== 'send' || effect.message.type !== 'store') return
      if (effect.message.ledger === ledgerId)
        given.push([effect.to, effect.message.chunks[0]?.first])
    }
    assert.equal(survivor.pass(1.5 * forsakenMs, seen), 0)
    assert.deepEqual(given, [['v3', 0]])
    survivor.step({ type: 'peer-down', peer: 'v3' })
    survivor.join('v3', 'new')
    assert.equal(survivor.pass(2 * forsakenMs), 1)
  })

  it('that is to follow goes on once it was told all that is left', () => {
    const survivor = Survivor.following()
    assert.equal(survivor.pass(2 * forsakenMs), 0)
    survivor.receive('v1', {
      ...{ type: 'state', ...of, sealed: true, voting: false, from: 0, next: 0 },
      ...{ counter: 0, end: -1, blockedMs: 0, outcomes: [], registers: [] },
      ...noneCollected(),
      chunks: [chunkOf(0, ['x'])],
    })
    assert.equal(survivor.pass(forsakenMs / 2), 0)
    assert.equal(survivor.pass(forsakenMs), 1)
  })
})
