import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect } from '../../src/core/effects.ts'
import type { Entry } from '../../src/core/entries.ts'
import { createHost, remember } from '../../src/core/host.ts'
import type { Input } from '../../src/core/inputs.ts'
import {
  checkpoint,
  createMachine,
  type Machine,
  replay,
  start,
  step,
} from '../../src/core/machine.ts'
import type { Submitted } from '../../src/core/guest-messages.ts'
import type { Message, Store } from '../../src/core/messages.ts'
import { countOf } from '../../src/core/ranges.ts'
import { ballot, chunkOf, leaseMs, ledgerId, valuesOf } from './fixtures.ts'
import { helloOf } from './peers.ts'

/** A full node `h` with two fellow voters whose answers are given by hand. */
class TestHost {
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

  submit(request: string, payloads: readonly string[], from = 'g'): Effect[] {
    return this.receive(from, { type: 'submit', request, chunks: [chunkOf(0, payloads)] })
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

function storesIn(effects: readonly Effect[], to = 'v1'): Store[] {
  return effects.flatMap(effect =>
    effect.type === 'send' && effect.to === to && effect.message.type === 'store'
      ? [effect.message]
      : [],
  )
}

function answersIn(effects: readonly Effect[], to = 'g'): Submitted[] {
  return effects.flatMap(effect =>
    effect.type === 'send' && effect.to === to && effect.message.type === 'submitted'
      ? [effect.message]
      : [],
  )
}

/** The numbers that a host has given, over all its ledgers. */
function numbered({ voter }: Machine): number {
  let count = 0
  for (const { stored } of voter.ledgers.values()) count += countOf(stored)
  return count
}

/** Submits and lets the host send its STORE. */
function submitted(host: TestHost, payloads = ['a', 'b']): Store {
  const [store] = storesIn(host.submit('r1', payloads))
  assert.ok(store !== undefined)
  return store
}

describe('SUBMIT', () => {
  it('is published, and answered when a majority holds the tasks', () => {
    const host = new TestHost()
    const store = submitted(host)
    const [answer] = answersIn(host.hold(store))
    assert.ok(answer !== undefined)
    const { refused, ledger, seqs, durable, voters } = answer
    assert.deepEqual([refused, ledger, seqs, durable], ['', store.ledger, [0, 2], true])
    assert.deepEqual(
      voters.map(({ peer }) => peer),
      ['v1', 'v2'],
    )
  })

  it('is written down in the very entry of its tasks, before anything is sent', () => {
    const host = new TestHost()
    const effects = host.submit('r1', ['a'])
    const persist = effects.find(
      effect => effect.type === 'persist' && effect.entry.type === 'stored',
    )
    assert.ok(persist?.type === 'persist' && persist.entry.type === 'stored')
    assert.deepEqual(persist.entry.origin, { guest: 'g', request: 'r1' })
    const sent = effects.find(effect => effect.type === 'send' && effect.message.type === 'store')
    assert.ok(sent?.type === 'send' && sent.after >= persist.lsn)
  })

  it('again while it is under way is published once', () => {
    const host = new TestHost()
    submitted(host)
    assert.deepEqual(answersIn(host.submit('r1', ['a', 'b'])), [])
    assert.equal(numbered(host.machine), 2)
  })

  it('again after its answer is answered again, and published once', () => {
    const host = new TestHost()
    const store = submitted(host)
    host.hold(store)
    const [answer] = answersIn(host.submit('r1', ['a', 'b']))
    assert.deepEqual([answer?.ledger, answer?.seqs], [store.ledger, [0, 2]])
    assert.equal(numbered(host.machine), 2)
  })

  it('of another guest under the same name is another one', () => {
    const host = new TestHost()
    host.submit('r1', ['a'])
    host.step({ type: 'peer-up', peer: 'another' })
    host.receive('another', helloOf('another', { guest: true }))
    host.submit('r1', ['a'], 'another')
    assert.equal(numbered(host.machine), 2)
  })

  it('beyond the budget is refused', () => {
    const host = new TestHost(30)
    const [answer] = answersIn(host.submit('r1', ['x'.repeat(40)]))
    assert.equal(answer?.refused, 'full')
    assert.equal(numbered(host.machine), 0)
  })

  it('of more tasks than one entry takes is refused: a part of it might be forgotten', () => {
    const host = new TestHost()
    const [answer] = answersIn(host.submit('r1', Array<string>(513).fill('x')))
    assert.equal(answer?.refused, 'too large')
    assert.equal(numbered(host.machine), 0)
  })
})

/** The outcome of two tasks, with its value. */
const cancelled = {
  ballot: ballot(3, 'v1.1'),
  kind: 'cancelled',
  seqs: [0, 2],
  values: [valuesOf([0, 2], 'cancelled')],
} as const

describe('a host that has restarted', () => {
  const disks = [
    { name: 'from its journal', disk: (host: TestHost) => [...host.entries] },
    {
      name: 'from a checkpoint',
      disk: (host: TestHost) => [...checkpoint(host.machine, host.now)],
    },
  ]
  for (const { name, disk } of disks) {
    it(`knows a request that nobody else holds yet, ${name}`, () => {
      const host = new TestHost()
      const before = submitted(host)
      host.restart(disk(host))
      const effects = host.submit('r1', ['a', 'b'])
      assert.deepEqual(answersIn(effects), [], 'nobody else is known to hold it')
      const [again] = storesIn(effects)
      assert.deepEqual([again?.ledger, again?.chunks[0]?.first], [before.ledger, 0])
      assert.equal(numbered(host.machine), 2)
      const [answer] = answersIn(host.hold(before))
      assert.deepEqual([answer?.ledger, answer?.seqs], [before.ledger, [0, 2]])
    })

    it(`knows a request that it has answered, ${name}`, () => {
      const host = new TestHost()
      const before = submitted(host)
      host.hold(before)
      host.restart(disk(host))
      host.submit('r1', ['a', 'b'])
      assert.equal(answersIn(host.hold(before)).length, 1)
      assert.equal(numbered(host.machine), 2)
    })

    it(`answers at once what is settled, ${name}`, () => {
      const host = new TestHost()
      const { ledger, epoch } = submitted(host)
      host.receive('v1', { type: 'decided', ledger, epoch, outcomes: [cancelled] })
      host.restart(disk(host))
      assert.equal(answersIn(host.submit('r1', ['a', 'b'])).length, 1)
    })
  }

  it('publishes what had no number yet', () => {
    const host = new TestHost()
    host.restart()
    assert.equal(storesIn(host.submit('r1', ['a'])).length, 1)
  })
})

it('a host remembers some requests, the latest ones', () => {
  const host = createHost()
  for (let i = 0; i <= 10_000; i++) {
    remember(host, { guest: 'g', request: `r${i}`, ledger: ledgerId, seqs: [0, 1], held: true })
  }
  assert.equal(host.done.size, 10_000)
  assert.ok(host.done.has('g|r1') && !host.done.has('g|r0'))
})
