import assert from 'node:assert/strict'
import type { Effect } from '../../src/core/effects.ts'
import type { Entry, TaskKey } from '../../src/core/entries.ts'
import type { Submitted } from '../../src/core/guest-messages.ts'
import type { Input } from '../../src/core/inputs.ts'
import { createMachine, type Machine, replay, start, step } from '../../src/core/machine.ts'
import type { Message, Store } from '../../src/core/messages.ts'
import { countOf } from '../../src/core/ranges.ts'
import { chunkOf, leaseMs } from './fixtures.ts'
import { helloOf } from './peers.ts'

/** A full node `h` with two fellow voters whose answers are given by hand. */
export class TestHost {
  machine: Machine
  readonly entries: Entry[] = []
  now = 10_000
  readonly #maxBytes: number
  #starts = 1

  constructor(maxBytes = 10_000) {
    this.#maxBytes = maxBytes
    this.machine = this.#begin([])
  }

  /** Another process starts on what is on the disk. */
  restart(entries: readonly Entry[] = this.entries): void {
    this.#starts += 1
    this.machine = this.#begin([...entries])
  }

  step(input: Input): Effect[] {
    const effects = step(this.machine, input, this.now)
    this.#write(effects)
    const { lsn } = this.machine.outbox
    const later = step(this.machine, { type: 'durable', lsn }, this.now)
    this.#write(later)
    return [...effects, ...later]
  }

  receive(from: string, message: Message): Effect[] {
    return this.step({ type: 'received', from, lsn: 0, message })
  }

  submit(
    request: string,
    payloads: readonly string[],
    from = 'g',
    key?: TaskKey,
    copies = 0,
  ): Effect[] {
    return this.receive(from, {
      type: 'submit',
      request,
      chunks: [chunkOf(0, payloads)],
      key,
      copies,
    })
  }

  /** A fellow voter says that it holds what it was sent. */
  hold(store: Store, from = 'v1'): Effect[] {
    const { ledger, epoch, chunks } = store
    const stored = chunks.flatMap(({ first, count }) => [first, count])
    const none = { settled: [], conflict: [], full: [], fullMs: 0, counter: 0 }
    return this.receive(from, { type: 'stored', ledger, epoch, stored, ...none })
  }

  #begin(entries: Entry[]): Machine {
    this.machine = createMachine({
      peer: 'h',
      incarnation: `${this.#starts}`,
      storageId: 's-h',
      seed: [1, 2, 3, this.#starts],
      guest: false,
      voters: 3,
      leaseMs,
      maxDeliveries: 5,
      queues: [],
      concurrency: 0,
      labels: [],
      maxBytes: this.#maxBytes,
      wallOffsetMs: 0,
      intact: true,
      pageTasks: 16,
    })
    for (const entry of entries) replay(this.machine, entry, this.now)
    this.#write(start(this.machine, entries.length, this.now))
    for (const peer of ['v1', 'v2', 'g']) {
      this.step({ type: 'peer-up', peer })
      this.receive(peer, helloOf(peer, { guest: peer === 'g' }))
    }
    for (let i = 0; i < 8 && this.machine.producer.next !== undefined; i++) {
      const { ledger, epoch } = this.machine.producer.next.info
      for (const peer of ['v1', 'v2']) this.receive(peer, { type: 'opened', ledger, epoch })
      this.now += 1_000
      this.step({ type: 'tick' })
    }
    assert.equal(this.machine.producer.current?.info.voters.length, 3)
    return this.machine
  }

  #write(effects: readonly Effect[]): void {
    for (const effect of effects) if (effect.type === 'persist') this.entries.push(effect.entry)
  }
}

/** The STOREs among effects that go to a peer. */
export function storesIn(effects: readonly Effect[], to = 'v1'): Store[] {
  return effects.flatMap(effect =>
    effect.type === 'send' && effect.to === to && effect.message.type === 'store'
      ? [effect.message]
      : [],
  )
}

/** What a guest is answered. */
export function answersIn(effects: readonly Effect[], to = 'g'): Submitted[] {
  return effects.flatMap(effect =>
    effect.type === 'send' && effect.to === to && effect.message.type === 'submitted'
      ? [effect.message]
      : [],
  )
}

/** The numbers that a host has given, over all its ledgers. */
export function numbered({ voter }: Machine): number {
  let count = 0
  for (const { stored } of voter.ledgers.values()) count += countOf(stored)
  return count
}
