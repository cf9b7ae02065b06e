import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect } from '../../src/core/effects.ts'
import type { Input } from '../../src/core/inputs.ts'
import { createMachine, type Machine, replay, start, step } from '../../src/core/machine.ts'
import type { Message } from '../../src/core/messages.ts'
import { forsakenMs } from '../../src/core/orphans.ts'
import { chunkOf, infoOf, leaseMs, ledgerId } from './fixtures.ts'
import { helloOf } from './peers.ts'

const info = infoOf(['v0', 'v1', 'v2'])

/** A survivor `v0` that publishes anew what has lost its voters, and keeps one open task. */
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
    replay(this.machine, { type: 'opened', ...info }, this.now)
    start(this.machine, 1, this.now)
    const base = { ledger: ledgerId, epoch: 0 } as const
    this.join('v1', 's-v1')
    this.receive('v1', { type: 'store', ...base, fresh: false, chunks: [chunkOf(0, ['x'])] })
    this.step({ type: 'peer-down', peer: 'v1' })
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
  pass(ms: number): number {
    let forked = 0
    for (const until = this.now + ms; this.now < until; this.now += 500) {
      for (const effect of this.step({ type: 'tick' })) {
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
    const survivor = new Survivor()
    survivor.join('v1', 'new')
    survivor.join('v2', 's-v2')
    assert.equal(survivor.pass(2 * forsakenMs), 0)
  })

  it('goes on where the other one does not know the young ledger: it is an old copy', () => {
    const survivor = new Survivor()
    survivor.join('v1', 'new')
    survivor.join('v2', 's-v2')
    survivor.receive('v2', { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 })
    assert.equal(survivor.pass(forsakenMs / 2), 0)
    assert.equal(survivor.pass(forsakenMs), 1)
  })
})
