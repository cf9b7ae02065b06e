import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect } from '../../src/core/effects.ts'
import type { Input } from '../../src/core/inputs.ts'
import {
  createMachine,
  type Machine,
  replay,
  start,
  step,
  stepAll,
  wakeAt,
} from '../../src/core/machine.ts'
import type { Hello, Message } from '../../src/core/messages.ts'
import { maxVersion, minVersion } from '../../src/core/membership.ts'
import { addHint, hintedCount } from '../../src/core/hints.ts'
import { ballot, chunkOf, infoOf, leaseMs, ledgerId } from './fixtures.ts'
import { helloOf } from './peers.ts'

/** A full node `v0` that is one voter of the ledger of these tests. */
class TestNode {
  readonly machine: Machine
  now = 1_000

  constructor(lsn = 0, guest = false) {
    this.machine = createMachine({
      peer: 'v0',
      incarnation: '1',
      storageId: 's-v0',
      seed: [1, 2, 3, 4],
      guest,
      voters: 3,
      leaseMs,
      maxDeliveries: 5,
      queues: [],
      concurrency: 0,
      labels: [],
      maxBytes: 1_000_000,
      wallOffsetMs: 0,
      intact: true,
      pageTasks: 16,
    })
    replay(this.machine, { type: 'opened', ...infoOf(['v0', 'v1', 'v2']) }, this.now)
    start(this.machine, lsn, this.now)
  }

  step(input: Input): Effect[] {
    const effects = step(this.machine, input, this.now)
    const { lsn } = this.machine.outbox
    return [...effects, ...step(this.machine, { type: 'durable', lsn }, this.now)]
  }

  receive(from: string, message: Message, lsn = 0): Effect[] {
    return this.step({ type: 'received', from, lsn, message })
  }

  join(peer: string, more: Partial<Hello> = {}): Effect[] {
    return [...this.step({ type: 'peer-up', peer }), ...this.receive(peer, helloOf(peer, more))]
  }

  /** Gives a worker `w` a lease of one task. */
  leaseTo(peer: string): void {
    const base = { ledger: ledgerId, epoch: 0 } as const
    this.receive('v1', { type: 'store', ...base, fresh: false, chunks: [chunkOf(0, ['x'])] })
    const asked = {
      claimId: 1,
      ballot: ballot(1, `${peer}.1`),
      intent: 'run',
      seqs: [0, 1],
    } as const
    const rest = { any: [], anyCount: 0, records: false, idle: false } as const
    this.receive(peer, { type: 'claim', ...base, ...asked, ...rest })
    assert.equal(this.leases, 1)
  }

  get leases(): number {
    return this.machine.voter.leases.byId.size
  }
}

function sent(effects: readonly Effect[], type: Message['type']): Message[] {
  return effects.flatMap(effect =>
    effect.type === 'send' && effect.message.type === type ? [effect.message] : [],
  )
}

describe('HELLO', () => {
  it('is the first thing that a peer is told, with what was seen of its journal', () => {
    const node = new TestNode()
    node.join('v1', {})
    node.receive('v1', { type: 'goodbye' }, 44)
    const [hello] = sent(node.step({ type: 'peer-up', peer: 'v1' }), 'hello')
    assert.ok(hello?.type === 'hello')
    assert.equal(hello.incarnation, '1')
    assert.deepEqual([hello.minVersion, hello.maxVersion], [minVersion, maxVersion])
  })

  it('comes before everything: what comes earlier is not heard', () => {
    const node = new TestNode()
    node.step({ type: 'peer-up', peer: 'v1' })
    const chunks = [chunkOf(0, ['x'])]
    const store = { type: 'store', ledger: ledgerId, epoch: 0, fresh: true, chunks } as const
    assert.deepEqual(sent(node.receive('v1', store), 'stored'), [])
    node.receive('v1', helloOf('v1'))
    assert.equal(sent(node.receive('v1', store), 'stored').length, 1)
  })

  it('of a fellow is answered by what is held, and that is told again in the next round', () => {
    const node = new TestNode()
    node.step({ type: 'tick' })
    node.now += 11_000
    assert.equal(sent(node.step({ type: 'tick' }), 'compare').length, 0, 'nothing has changed')
    assert.equal(sent(node.join('v1'), 'compare').length, 1)
    node.now += 11_000
    assert.equal(sent(node.step({ type: 'tick' }), 'compare').length, 2)
    node.now += 11_000
    assert.equal(sent(node.step({ type: 'tick' }), 'compare').length, 0)
  })

  it('of a version that is not spoken here ends the connection, with the reason', () => {
    const node = new TestNode()
    const effects = node.join('new', { minVersion: maxVersion + 1, maxVersion: maxVersion + 2 })
    const hangup = effects.find(effect => effect.type === 'hangup')
    assert.equal(hangup?.peer, 'new')
    assert.match(hangup.reason, /wire versions 2–3/)
    const joined = (effect: Effect) =>
      effect.type === 'report' && effect.event.type === 'peer-joined'
    assert.ok(!effects.some(joined))
  })

  it('of a peer that has seen more of this journal than there is stops the node', () => {
    const node = new TestNode(10)
    const effects = node.join('v1', { echoStorageId: 's-v0', echoLsn: 11 })
    const stop = effects.find(effect => effect.type === 'quarantine')
    assert.match(stop?.reason ?? '', /ends at entry 10, but peer v1 has seen entry 11/)
  })

  // A peer whose first stream closed before its HELLO came spoke of what this start had written, or so it seemed.
  it('stops the node also if more has been written since than that peer has seen', () => {
    const node = new TestNode(10)
    node.step({ type: 'peer-up', peer: 'v1' })
    node.step({ type: 'peer-down', peer: 'v1' })
    node.machine.outbox.lsn = 99
    const echo = { echoStorageId: 's-v0', echoLsn: 11, echoIncarnation: '0' }
    const stop = node.join('v1', echo).find(effect => effect.type === 'quarantine')
    assert.match(stop?.reason ?? '', /ends at entry 10, but peer v1 has seen entry 11/)
  })

  it('of a peer that has heard of this start since tells what it had seen before', () => {
    const stops = (echoBeforeLsn: number): boolean => {
      const node = new TestNode(10)
      node.machine.outbox.lsn = 99
      const echo = { echoStorageId: 's-v0', echoLsn: 99, echoIncarnation: '1', echoBeforeLsn }
      return node.join('v1', echo).some(effect => effect.type === 'quarantine')
    }
    assert.equal(stops(11), true)
    assert.equal(stops(10), false)
  })

  it('that echoes another storage, or no more than there is, stops nothing', () => {
    const node = new TestNode(10)
    const effects = [
      ...node.join('v1', { echoStorageId: 's-v0', echoLsn: 10 }),
      ...node.join('v2', { echoStorageId: 'before', echoLsn: 99 }),
    ]
    assert.ok(!effects.some(effect => effect.type === 'quarantine'))
  })

  it('on another storage than before is told of, where it is no guest', () => {
    const tellsOf = (effects: readonly Effect[]) =>
      effects.some(it => it.type === 'report' && it.event.type === 'storage-changed')
    for (const guest of [false, true]) {
      const node = new TestNode()
      assert.ok(!tellsOf(node.join('v1', { storageId: 'a', guest })))
      node.receive('v1', { type: 'goodbye' }, 5)
      node.step({ type: 'peer-down', peer: 'v1' })
      assert.ok(!tellsOf(node.join('v1', { storageId: 'a', incarnation: '2', guest })))
      node.step({ type: 'peer-down', peer: 'v1' })
      const effects = node.join('v1', { storageId: 'b', incarnation: '3', guest })
      assert.equal(tellsOf(effects), !guest)
    }
  })

  it('tells a newcomer of fewer nodes in a large mesh, and others of it only where they are few', () => {
    for (const [peers, named, others] of [
      [10, 10, 8],
      [40, 40, 0],
      [60, 8, 0],
    ] as const) {
      const node = new TestNode()
      for (let i = 0; i < peers; i++) node.join(`w${i}`)
      const hellos = sent(node.step({ type: 'peer-up', peer: 'new' }), 'hello')
      assert.ok(hellos[0]?.type === 'hello')
      assert.equal(hellos[0].peers.length, named)
      assert.equal(sent(node.receive('new', helloOf('new')), 'hello').length, others)
      // But guests are told of everybody.
      node.join('guest', { guest: true })
      assert.equal(sent(node.join('newer'), 'hello').length, 2 + others)
    }
  })

  it('tells a guest of who has said HELLO before it, and after it was told', () => {
    const node = new TestNode()
    for (const peer of ['guest', 'v1']) node.step({ type: 'peer-up', peer })
    node.receive('v1', helloOf('v1'))
    const [hello, ...more] = sent(node.receive('guest', helloOf('guest', { guest: true })), 'hello')
    assert.deepEqual(more, [])
    assert.ok(hello?.type === 'hello')
    assert.deepEqual(
      hello.peers.map(({ peer }) => peer),
      ['v1'],
    )
  })

  it('tells of peers to dial', () => {
    const node = new TestNode()
    const peers = [{ peer: 'far', addresses: ['/memory/far'] }]
    const dials = node.join('v1', { peers }).filter(effect => effect.type === 'dial')
    assert.deepEqual(dials, [{ type: 'dial', peer: 'far', addresses: ['/memory/far'] }])
  })
})

describe('the leases of a worker', () => {
  it('are kept while its stream is closed and nothing more is known', () => {
    const node = new TestNode()
    for (const peer of ['v1', 'w']) node.join(peer)
    node.leaseTo('w')
    const effects = node.step({ type: 'peer-down', peer: 'w' })
    assert.ok(effects.some(effect => effect.type === 'dial' && effect.peer === 'w'))
    node.step({ type: 'peer-unreachable', peer: 'w', refused: false })
    assert.equal(node.leases, 1)
    node.join('w')
    assert.equal(node.leases, 1)
  })

  const ends: readonly { name: string; end: (node: TestNode) => void }[] = [
    {
      name: 'a redial is refused',
      end: node => {
        node.step({ type: 'peer-down', peer: 'w' })
        node.step({ type: 'peer-unreachable', peer: 'w', refused: true })
      },
    },
    {
      name: 'another process start answers',
      end: node => {
        node.step({ type: 'peer-down', peer: 'w' })
        node.join('w', { incarnation: '2' })
      },
    },
    { name: 'it says goodbye', end: node => void node.receive('w', { type: 'goodbye' }) },
  ]
  for (const { name, end } of ends) {
    it(`end when ${name}`, () => {
      const node = new TestNode()
      for (const peer of ['v1', 'w']) node.join(peer)
      node.leaseTo('w')
      end(node)
      assert.equal(node.leases, 0)
    })
  }

  it('are kept if a refusal comes while the stream is open', () => {
    const node = new TestNode()
    for (const peer of ['v1', 'w']) node.join(peer)
    node.leaseTo('w')
    node.step({ type: 'peer-unreachable', peer: 'w', refused: true })
    assert.equal(node.leases, 1)
  })
})

describe('OPEN', () => {
  const info = { ...infoOf(['v0', 'v1', 'v2']), ledger: 'c'.repeat(32) }

  it('of an earlier process start of the producer is not taken', () => {
    const node = new TestNode()
    node.join('v1', { incarnation: '2' })
    const old = { type: 'open', ...info, producer: 'v1.1' } as const
    assert.deepEqual(sent(node.receive('v1', old), 'opened'), [])
    const now = { ...old, producer: 'v1.2' }
    assert.equal(sent(node.receive('v1', now), 'opened').length, 1)
  })

  it('is not taken by a guest', () => {
    const guest = new TestNode(0, true)
    guest.join('v1')
    assert.deepEqual(guest.receive('v1', { type: 'open', ...info, producer: 'v1.1' }), [])
  })
})

describe('a node that leaves', () => {
  it('says goodbye to everybody and dials nobody', () => {
    const node = new TestNode()
    for (const peer of ['v1', 'v2']) node.join(peer)
    const effects = node.step({ type: 'leave' })
    assert.equal(sent(effects, 'goodbye').length, 2)
    const down = node.step({ type: 'peer-down', peer: 'v1' })
    assert.ok(!down.some(effect => effect.type === 'dial'))
  })
})

describe('wakeAt', () => {
  it('lies in the future once a tick is done', () => {
    const node = new TestNode()
    for (const peer of ['v1', 'v2', 'w']) node.join(peer)
    node.leaseTo('w')
    node.step({ type: 'tick' })
    for (let i = 0; i < 100; i++) {
      const at = wakeAt(node.machine)
      assert.ok(at > node.now, `tick ${i}: ${at} after ${node.now}`)
      node.now = at
      node.step({ type: 'tick' })
    }
  })
})

describe('that others have taken tasks', () => {
  const info = { ...infoOf(['v1', 'v2', 'v3']), ledger: 'cd'.repeat(16) }
  const taken: Input = {
    type: 'hinted',
    from: 'v1',
    hints: [{ type: 'taken', ledger: info.ledger, seqs: [0, 2] }],
  }

  it('ends a wait for them', () => {
    for (const waiting of [false, true]) {
      const { machine, now } = new TestNode()
      const backlog = {
        queue: 'hash',
        priority: 0,
        requires: '',
        ageMs: 0,
        backlog: 3,
        seqs: [0, 3],
      }
      addHint(machine.announce.hints, info, [backlog], now)
      machine.dispatch.wakeAt = waiting ? now + 50 : Infinity
      assert.deepEqual(stepAll(machine, [taken], now), [])
      assert.equal(hintedCount(machine.announce.hints), 1)
      assert.equal(machine.dispatch.wakeAt, Infinity)
    }
  })
})
