import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Membership } from '../../src/core/membership.ts'
import type { Message, Stored } from '../../src/core/messages.ts'
import { createOutbox } from '../../src/core/outbox.ts'
import {
  createProducer,
  onOpened,
  type ProducerState,
  publish,
  tickProducer,
} from '../../src/core/producer.ts'
import { randomFrom } from '../../src/core/random.ts'
import { goneMs, maxLedgerAgeMs, maxLedgerTasks, openMs, rollMs } from '../../src/core/roll.ts'
import { onStored, onStoringUnknown, restore, restoreMs } from '../../src/core/storing.ts'
import { noTiming } from '../../src/core/timing.ts'
import { createVoter, type VoterState } from '../../src/core/voter.ts'
import { leaseMs, plainSpec } from './fixtures.ts'
import { join, noMembers } from './peers.ts'

const peers = ['a', 'b'] as const

/** A producer with its voter, and the fellow voters' answers given by hand. */
class TestProducer {
  readonly outbox = createOutbox('p')
  readonly members: Membership = noMembers()
  readonly voter: VoterState
  readonly producer: ProducerState
  now = 10_000
  #request = 0

  constructor(joined: readonly string[] = peers) {
    const self = { peer: 'p', storageId: 's-p' }
    const limits = { leaseMs, maxBytes: 1_000_000, pageTasks: 8, wallOffsetMs: 0 }
    this.voter = createVoter({ ...self, ...limits })
    const random = randomFrom([1, 2, 3, 4])
    this.producer = createProducer({ node: 'p.1', self, wanted: 3, random })
    for (const peer of joined) join(this.members, peer, 0)
  }

  tick(ms = 0): void {
    this.now += ms
    const { producer, voter, outbox, members, now } = this
    tickProducer(producer, voter, outbox, members, now)
  }

  publish(tasks: number, payload = 'x', delayMs = 0): number {
    const request = ++this.#request
    const lengths = new Uint32Array(tasks).fill(payload.length)
    const bytes = new TextEncoder().encode(payload.repeat(tasks))
    const base = { request, spec: plainSpec, ...noTiming, delayMs, since: this.now }
    publish(this.producer, this.voter, this.outbox, { ...base, lengths, payload: bytes }, this.now)
    return request
  }

  /** Everything sent since the last call, the loopback among it. */
  sent(): { to: string; message: Message; after: number }[] {
    const sent = this.outbox.effects.filter(effect => effect.type === 'send')
    const own = this.outbox.loopback.map(({ message, after }) => ({ to: 'p', message, after }))
    this.outbox.effects = []
    this.outbox.loopback = []
    return [...sent, ...own]
  }

  names(): string[] {
    return this.sent()
      .map(({ to, message }) => `${message.type} ${to}`)
      .sort()
  }

  opened(from: string): void {
    const ledger = this.producer.next?.info.ledger ?? ''
    onOpened(this.producer, this.voter, this.outbox, from, ledger, this.now)
  }

  openAll(): void {
    this.tick()
    for (const peer of ['p', ...peers]) this.opened(peer)
    this.sent()
  }

  stored(from: string, more: Partial<Stored>): void {
    const ledger = this.producer.current?.info.ledger ?? ''
    const none = { stored: [], settled: [], conflict: [], full: [], fullMs: 0 }
    const stored: Stored = { type: 'stored', ledger, epoch: 0, counter: 0, ...none, ...more }
    onStored(this.producer, from, stored, this.now)
  }

  restore(only?: string): void {
    const up = new Set(['p', ...peers])
    restore(this.producer, this.voter, this.outbox, up, this.now, only)
  }
}

describe('a ledger', () => {
  it('takes tasks only once every voter has answered OPEN', () => {
    const test = new TestProducer()
    test.tick()
    const request = test.publish(2)
    assert.deepEqual(test.names(), ['open a', 'open b', 'opened p'])
    test.opened('p')
    test.opened('a')
    test.opened('a')
    assert.deepEqual(test.names(), [])
    test.opened('b')
    assert.deepEqual(test.names(), ['store a', 'store b', 'stored p'])
    assert.equal(test.producer.requests.get(request)?.open, 1)
  })

  it('is opened again with others when a voter stays silent', () => {
    const test = new TestProducer(['a', 'b', 'c', 'd'])
    test.tick()
    const first = test.producer.next?.info
    const [, silent] = first?.voters ?? []
    for (const { peer } of first?.voters ?? []) if (peer !== silent?.peer) test.opened(peer)
    test.sent()
    test.tick(openMs - 1)
    assert.equal(test.producer.next?.info, first)
    test.tick(1)
    const second = test.producer.next?.info
    assert.notEqual(second?.ledger, first?.ledger)
    assert.ok(!second?.voters.some(({ peer }) => peer === silent?.peer))
    assert.ok(test.names().some(name => name.startsWith('close')))
  })

  it('is opened again at once when a voter goes, and only that one counts as silent', () => {
    const test = new TestProducer(['a', 'b', 'c'])
    test.tick()
    const voters = test.producer.next?.info.voters.map(({ peer }) => peer) ?? []
    const [, gone = '', stays = ''] = voters
    const known = test.members.peers.get(gone)
    if (known !== undefined) known.up = false
    test.tick(10)
    const again = test.producer.next?.info.voters.map(({ peer }) => peer) ?? []
    assert.ok(again.includes(stays) && !again.includes(gone), again.join())
  })

  it('of one voter is given up for three when two more have come', () => {
    const test = new TestProducer([])
    test.tick()
    test.opened('p')
    test.publish(1)
    assert.equal(test.producer.current?.info.voters.length, 1)
    for (const peer of peers) join(test.members, peer, test.now)
    test.tick(10)
    assert.equal(test.producer.next?.info.voters.length, 3)
  })

  it('waits a moment for peers that others speak of, so that voters are chosen once', () => {
    const test = new TestProducer([])
    test.tick()
    test.opened('p')
    const spoken = ['b', 'c', 'd', 'e'].map(peer => ({ peer, addresses: [] }))
    test.producer.current = { ...one(test), next: 1 }
    join(test.members, 'a', test.now, { peers: spoken })
    test.tick(10)
    assert.equal(test.producer.next, undefined)
  })

  const reasons = [
    { name: 'it is full', change: (test: TestProducer) => (one(test).next = maxLedgerTasks) },
    { name: 'it is a day old', change: (test: TestProducer) => (test.now += maxLedgerAgeMs) },
  ]
  for (const { name, change } of reasons) {
    it(`rolls when ${name}; the old one gets its end`, () => {
      const test = new TestProducer()
      test.openAll()
      test.publish(3)
      const old = one(test)
      change(test)
      test.tick()
      assert.notEqual(test.producer.next, undefined)
      const end = old.next
      test.sent()
      for (const peer of ['p', ...peers]) test.opened(peer)
      const close = test.sent().find(({ message }) => message.type === 'close')
      assert.deepEqual(close?.message, {
        type: 'close',
        ledger: old.info.ledger,
        epoch: 0,
        end,
      })
    })
  }

  it('rolls when a voter has been gone for a while and another one can take its place', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(1)
    test.now += rollMs
    const gone = join(test.members, 'b', test.now)
    gone.up = false
    join(test.members, 'c', test.now)
    test.tick(goneMs - 1)
    assert.deepEqual(asked(test), [])
    test.tick(1)
    assert.deepEqual(asked(test), ['a', 'c', 'p'])
  })

  it('does not roll for better voters more often than so', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(1)
    test.producer.rolledAt = test.now
    const gone = join(test.members, 'b', 0)
    gone.up = false
    join(test.members, 'c', 0)
    test.tick(rollMs - 1)
    assert.equal(test.producer.next, undefined)
    test.tick(1)
    assert.notEqual(test.producer.next, undefined)
  })
})

describe('a published task', () => {
  it('is durable here before it leaves', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(1)
    const at = test.outbox.lsn
    for (const { message, after } of test.sent())
      if (message.type === 'store') assert.equal(after, at)
  })

  it('is published when a majority holds all of the request', () => {
    const test = new TestProducer()
    test.openAll()
    const request = test.publish(1_000)
    const stores = test.sent().filter(({ to, message }) => to === 'a' && message.type === 'store')
    assert.equal(stores.length, 2, 'a thousand tasks are two chunks')
    test.stored('p', { stored: [0, 1_000] })
    assert.equal(test.producer.published.length, 0)
    test.stored('a', { stored: [0, 512] })
    assert.equal(test.producer.published.length, 0)
    test.stored('b', { stored: [512, 400], settled: [912, 88] })
    const [published] = test.producer.published
    assert.equal(published?.request, request)
    assert.deepEqual(published.parts[0]?.seqs, [0, 1_000])
    assert.deepEqual(test.producer.storing, [])
  })

  it('is told to others once a majority holds it, so that nobody finds it missing', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(2)
    test.stored('p', { stored: [0, 2] })
    assert.equal(test.producer.fresh.size, 0)
    test.stored('a', { stored: [0, 2] })
    assert.equal(test.producer.fresh.size, 1)
  })

  it('ends, of no voters, when a majority has forgotten its ledger', () => {
    const test = new TestProducer()
    test.openAll()
    const request = test.publish(3)
    const { info } = test.producer.current ?? assert.fail('no ledger')
    onStoringUnknown(test.producer, 'a', info)
    onStoringUnknown(test.producer, 'a', info)
    onStoringUnknown(test.producer, 'b', { ...info, epoch: 1 })
    assert.equal(test.producer.published.length, 0)
    onStoringUnknown(test.producer, 'b', info)
    const [entry, ...more] = test.producer.published
    assert.deepEqual([entry?.request, entry?.info.voters, more], [request, [], []])
    assert.deepEqual(test.producer.storing, [])
  })

  it('does not count a voter that holds only some of a chunk', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(2)
    test.stored('p', { stored: [0, 2] })
    test.stored('a', { stored: [0, 1], conflict: [1, 1] })
    assert.deepEqual(test.producer.published, [])
  })

  it('is sent again where nobody has answered', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(1)
    test.sent()
    test.stored('p', { stored: [0, 1] })
    test.now += restoreMs - 1
    test.restore()
    assert.deepEqual(test.names(), [])
    test.now += 1
    test.restore()
    assert.deepEqual(test.names(), ['store a', 'store b'])
  })

  it('is sent again at once to a voter that is back', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(1)
    test.sent()
    test.restore('b')
    assert.deepEqual(test.names(), ['store b'])
  })

  // Seed 9610435: a partition held up a delayed task for as long once more.
  it('is sent again with what is left of its delay by then', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(1, 'x', 60_000)
    test.sent()
    test.now += 45_000
    test.restore('b')
    const [sent] = test.sent()
    assert.ok(sent?.message.type === 'store')
    assert.deepEqual(
      sent.message.chunks.map(({ delayMs, ageMs }) => [delayMs, ageMs]),
      [[15_000, 45_000]],
    )
  })

  it('is sent again to a full voter when that has said', () => {
    const test = new TestProducer()
    test.openAll()
    test.publish(1)
    test.stored('p', { stored: [0, 1] })
    test.sent()
    test.stored('a', { full: [0, 1], fullMs: 500 })
    test.now += 499
    test.restore()
    assert.deepEqual(test.names(), [])
    test.now += 1
    test.restore()
    assert.ok(test.names().includes('store a'))
  })

  it('carries the numbers that follow those before it, and what is left of its delay', () => {
    const test = new TestProducer()
    test.tick()
    test.publish(2, 'x', 1_000)
    test.publish(1)
    test.now += 400
    for (const peer of ['p', ...peers]) test.opened(peer)
    const chunks = test
      .sent()
      .flatMap(({ to, message }) => (to === 'a' && message.type === 'store' ? message.chunks : []))
    assert.deepEqual(
      chunks.map(({ first, count, delayMs, ageMs }) => [first, count, delayMs, ageMs]),
      [
        [0, 2, 600, 400],
        [2, 1, 0, 400],
      ],
    )
  })
})

function one(test: TestProducer) {
  const { current } = test.producer
  assert.ok(current !== undefined)
  return current
}

/** The voters of the ledger that is being opened. */
function asked(test: TestProducer): string[] {
  return (test.producer.next?.info.voters ?? []).map(({ peer }) => peer).sort()
}
