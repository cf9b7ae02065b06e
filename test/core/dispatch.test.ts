import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  avoid,
  contend,
  createDispatch,
  type DispatchState,
  dispatchWork,
  maxClaimsInFlight,
  maxClaimTasks,
  sawFreed,
  sawUnpicked,
  staggerMs,
} from '../../src/core/dispatch.ts'
import { addHint, type Hints } from '../../src/core/hints.ts'
import { type Membership, peerAt } from '../../src/core/membership.ts'
import type { LedgerInfo } from '../../src/core/messages.ts'
import { countOf } from '../../src/core/ranges.ts'
import { use } from '../../src/core/usage.ts'
import { infoOf, ledgerId, TestVoter } from './fixtures.ts'
import { join, noMembers } from './peers.ts'
import { recordsOf, TestProposer } from './test-proposer.ts'

interface Heard {
  readonly ledger?: string
  readonly queue?: string
  readonly priority?: number
  readonly ageMs?: number
  readonly requires?: string
  readonly seqs?: number[]
}

/** A worker and what it has heard of, which claims it by number unless the first voter picks. */
class TestDispatch {
  readonly worker = new TestProposer()
  readonly dispatch: DispatchState
  readonly members: Membership = noMembers()
  readonly hints: Hints = new Map()
  picked = false

  constructor(
    queues: Readonly<Record<string, number>> = { hash: 4 },
    concurrency = 4,
    labels: readonly string[] = [],
  ) {
    const served = Object.entries(queues).map(([queue, slots]) => ({ queue, concurrency: slots }))
    this.dispatch = createDispatch('w', served, concurrency, labels)
    for (const peer of ['v0', 'v1', 'v2']) join(this.members, peer, 0, { concurrency: 0 })
  }

  hear(heard: Heard) {
    const { ledger = ledgerId, queue = 'hash', priority = 0, ageMs = 0 } = heard
    const { requires = '', seqs = [0, 100] } = heard
    const info: LedgerInfo = { ...infoOf(['v0', 'v1', 'v2']), ledger }
    const backlog = { queue, priority, requires, ageMs, backlog: countOf(seqs), seqs }
    addHint(this.hints, info, [backlog], this.worker.now)
    if (!this.picked) this.dispatch.unpicked.set(ledger, Infinity)
  }

  /** What is claimed now, one item per claim. */
  work(ms = 0): { ledger: string; seqs: readonly number[] }[] {
    this.worker.now += ms
    const { dispatch, members, hints, worker } = this
    dispatchWork(dispatch, worker.proposer, worker.outbox, members, hints, worker.now)
    return worker
      .sentOf('claim')
      .filter(({ to }) => to === 'v0')
      .map(({ message: { ledger, seqs } }) => ({ ledger, seqs }))
  }

  /** All claims won, all runs over. */
  finishAll(): void {
    const { worker } = this
    for (const claiming of [...worker.proposer.claims.values()]) {
      worker.answer('v0', claiming, { chunks: recordsOf(claiming.seqs) })
      worker.answer('v1', claiming)
      worker.finish(claiming, claiming.seqs)
      for (const { message } of worker.sentOf('settle')) {
        for (const peer of ['v0', 'v1']) worker.accept(peer, message)
      }
    }
    worker.take()
  }
}

describe('a worker with free slots', () => {
  it('claims as many tasks as it has slots, in one claim', () => {
    const test = new TestDispatch()
    test.hear({})
    assert.deepEqual(test.work(), [{ ledger: ledgerId, seqs: [0, 4] }])
    assert.deepEqual(test.work(), [])
  })

  it('claims no more than the queue may run at the same time', () => {
    const test = new TestDispatch({ hash: 1, mail: 2 }, 8)
    test.hear({})
    test.hear({ queue: 'mail', seqs: [200, 9] })
    test.hear({ queue: 'unserved', priority: 9, seqs: [300, 9] })
    assert.deepEqual(test.work(), [
      { ledger: ledgerId, seqs: [0, 1] },
      { ledger: ledgerId, seqs: [200, 2] },
    ])
  })

  it('waits for answers before it asks for more than so many claims', () => {
    const queues = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`q${i}`, 1]))
    const test = new TestDispatch(queues, 6)
    for (let i = 0; i < 6; i++) test.hear({ queue: `q${i}`, seqs: [i * 32, 1] })
    assert.equal(test.work().length, maxClaimsInFlight)
    assert.equal(use(test.worker.proposer).asking, maxClaimsInFlight)
    for (const claiming of test.worker.proposer.claims.values()) {
      for (const peer of ['v0', 'v1']) test.worker.answer(peer, claiming)
    }
    test.worker.take()
    assert.equal(test.work().length, maxClaimsInFlight)
  })

  it('claims a task again that has failed while others of the same claim run on', () => {
    const test = new TestDispatch()
    const { worker } = test
    test.hear({ seqs: [0, 4] })
    test.work()
    const [claiming] = worker.proposer.claims.values()
    assert.ok(claiming !== undefined)
    worker.answer('v0', claiming, { chunks: recordsOf(claiming.seqs) })
    worker.answer('v1', claiming)
    worker.finish(claiming, [0, 1], 'no', 'error')
    for (const { message } of worker.sentOf('settle')) {
      for (const peer of ['v0', 'v1']) worker.accept(peer, message)
    }
    test.hear({ seqs: [0, 1] })
    assert.deepEqual(test.work(), [{ ledger: ledgerId, seqs: [0, 1] }])
  })

  it('claims only what it has the labels for', () => {
    const test = new TestDispatch({ hash: 9 }, 9, ['gpu=yes', 'os=linux'])
    test.hear({ requires: 'gpu=yes,os=mac', seqs: [0, 1] })
    test.hear({ requires: 'gpu=yes', seqs: [1, 1] })
    test.hear({ requires: 'gpu=yes,os=linux', seqs: [2, 1] })
    assert.deepEqual(
      test.work().map(({ seqs }) => seqs),
      [
        [1, 1],
        [2, 1],
      ],
    )
  })

  it('claims nothing that no majority could give', () => {
    const test = new TestDispatch()
    test.hear({})
    for (const peer of ['v1', 'v2']) peerAt(test.members, peer).up = false
    assert.deepEqual(test.work(), [])
    peerAt(test.members, 'v2').up = true
    assert.equal(test.work().length, 1)
  })

  it('claims nothing where voters are back on other storages, which have no vote', () => {
    const test = new TestDispatch()
    test.hear({})
    for (const peer of ['v0', 'v1', 'v2'])
      join(test.members, peer, 0, { concurrency: 0, storageId: 'new' })
    assert.deepEqual(test.work(), [])
    for (const peer of ['v0', 'v1']) join(test.members, peer, 0, { concurrency: 0 })
    assert.equal(test.work().length, 1)
  })

  it('leaves alone what it has lost, however much that is', () => {
    const test = new TestDispatch({ hash: 1 }, 1)
    test.hear({ seqs: [0, 200] })
    for (let seq = 0; seq < 200; seq++) {
      avoid(test.dispatch, ledgerId, [seq, 1], 1_000, test.worker.now)
    }
    assert.deepEqual(test.work(), [])
    assert.equal(test.work(1_000).length, 1)
  })

  it('that drains claims nothing', () => {
    const test = new TestDispatch()
    test.hear({})
    test.dispatch.draining = true
    assert.deepEqual(test.work(), [])
  })

  it('with fast runs claims for a round trip ahead, in a batch, and never beyond the limit', () => {
    const test = new TestDispatch({ hash: 4 }, 4)
    test.hear({ seqs: [0, 10_000] })
    test.work()
    test.finishAll()
    sawFreed(test.dispatch, 1_000, test.worker.now)
    test.dispatch.rttMs = 5
    const [claim, ...more] = test.work()
    assert.deepEqual(more, [])
    assert.equal(countOf(claim?.seqs ?? []), maxClaimTasks)
  })

  it('sends three messages for a whole claim, not three per task', () => {
    const test = new TestDispatch({ hash: 50 }, 50)
    test.hear({})
    const { dispatch, members, hints, worker } = test
    dispatchWork(dispatch, worker.proposer, worker.outbox, members, hints, worker.now)
    const sent = worker.sent()
    assert.equal(sent.length, 3)
    for (const { message } of sent) {
      assert.ok(message.type === 'claim')
      assert.equal(countOf(message.seqs), 50)
    }
  })
})

describe('the order of work', () => {
  it('is by priority, higher first', () => {
    const test = new TestDispatch({ hash: 1 }, 1)
    test.hear({ priority: 1, seqs: [0, 9] })
    test.hear({ priority: 3, seqs: [40, 1] })
    test.hear({ priority: -2, seqs: [80, 9] })
    const order: unknown[] = []
    for (let i = 0; i < 2; i++) {
      const [claim] = test.work()
      order.push(claim?.seqs)
      avoid(test.dispatch, ledgerId, claim?.seqs ?? [], 1_000, test.worker.now)
      test.finishAll()
    }
    assert.deepEqual(order, [
      [40, 1],
      [0, 1],
    ])
  })

  it('counts a minute of waiting as one step of priority', () => {
    const cases = [
      { ageMs: 119_999, first: [40, 1] },
      { ageMs: 180_000, first: [0, 1] },
    ]
    for (const { ageMs, first } of cases) {
      const test = new TestDispatch({ hash: 1 }, 1)
      test.hear({ priority: 0, ageMs, seqs: [0, 1] })
      test.hear({ priority: 2, seqs: [40, 1] })
      assert.deepEqual(test.work()[0]?.seqs, first, `after ${ageMs} ms`)
    }
  })

  it('takes ledgers of equal priority in turn', () => {
    const test = new TestDispatch({ hash: 1 }, 1)
    const ledgers = ['a', 'b', 'c'].map(letter => letter.repeat(32))
    for (const ledger of ledgers) test.hear({ ledger })
    const order: string[] = []
    for (let i = 0; i < 6; i++) {
      const [claim] = test.work()
      order.push(claim?.ledger ?? '')
      test.finishAll()
    }
    assert.deepEqual(new Set(order.slice(0, 3)), new Set(ledgers))
    assert.deepEqual(order.slice(3), order.slice(0, 3))
  })
})

describe('workers that serve the same queue', () => {
  const blocks = 20

  /** Blocks of 32 tasks that a worker claims first, with rivals of these names. */
  function own(name: string, rivals: readonly string[]): Set<number> {
    const found = new Set<number>()
    for (let block = 0; block < blocks; block++) {
      const test = new TestDispatch({ hash: 32 }, 32)
      Object.assign(test, {
        dispatch: createDispatch(name, [{ queue: 'hash', concurrency: 32 }], 32, []),
      })
      for (const rival of rivals) join(test.members, rival, 0)
      test.hear({ seqs: [block * 32, 32] })
      if (test.work().length > 0) found.add(block)
    }
    return found
  }

  it('have each block for one of them first, and every block for somebody', () => {
    const names = ['w1', 'w2', 'w3']
    const sets = names.map(name =>
      own(
        name,
        names.filter(other => other !== name),
      ),
    )
    const all = sets.flatMap(set => [...set])
    assert.equal(all.length, blocks)
    assert.equal(new Set(all).size, blocks)
  })

  it('take the blocks of others a stagger later, or at once if those are full', () => {
    const test = new TestDispatch({ hash: 640 }, 640)
    const rival = join(test.members, 'rival', 0)
    test.hear({ seqs: [0, 640] })
    const first = countOf(test.work()[0]?.seqs ?? [])
    assert.ok(first > 0 && first <= maxClaimTasks)
    const waiting = new TestDispatch({ hash: 32 }, 32)
    const theirs = [...Array(blocks).keys()].find(block => !own('w', ['rival']).has(block)) ?? 0
    join(waiting.members, 'rival', 0)
    waiting.hear({ seqs: [theirs * 32, 32] })
    assert.deepEqual(waiting.work(), [])
    assert.equal(waiting.dispatch.wakeAt, waiting.worker.now + staggerMs)
    assert.equal(countOf(waiting.work(staggerMs)[0]?.seqs ?? []), 32)
    assert.equal(rival.up, true)

    const full = new TestDispatch({ hash: 32 }, 32)
    const busy = join(full.members, 'rival', 0)
    busy.free = 0
    busy.freeAt = full.worker.now
    full.hear({ seqs: [theirs * 32, 32] })
    assert.equal(full.work().length, 1)
  })
})

describe('what was lost', () => {
  it('is left alone for a while, and the worker wakes when that is over', () => {
    const test = new TestDispatch()
    test.hear({ seqs: [0, 2] })
    avoid(test.dispatch, ledgerId, [0, 1], 500, test.worker.now)
    assert.deepEqual(test.work()[0]?.seqs, [1, 1])
    assert.equal(test.dispatch.wakeAt, test.worker.now + 500)
    test.finishAll()
    const again = test.work(500)
    assert.ok(again.some(({ seqs }) => seqs[0] === 0))
  })

  it('makes the wait longer each time in a row, and the next claims ask one voter after another', () => {
    const test = new TestDispatch()
    const waits = Array.from({ length: 12 }, () => {
      return contend(test.dispatch, test.worker.proposer, ledgerId)
    })
    assert.ok((waits[0] ?? 0) <= 30)
    assert.ok((waits[11] ?? 0) >= 2_500 && (waits[11] ?? 0) <= 7_500)
    test.hear({})
    test.work()
    const [claiming] = test.worker.proposer.claims.values()
    assert.equal(claiming?.sequential, true)
  })
})

describe('what a worker that does not vote gets', () => {
  function setup(concurrency = 4) {
    const test = new TestDispatch({ hash: concurrency }, concurrency)
    test.picked = true
    const asked = (ms = 0) => {
      test.work(ms)
      return test.worker.sentOf('claim').map(({ to, message: { seqs, any, anyCount } }) => {
        return [to, seqs, any.length, anyCount]
      })
    }
    return { test, worker: test.worker, asked }
  }

  it('is picked by the first live voter, which alone is asked', () => {
    const { test, worker, asked } = setup()
    test.hear({})
    worker.proposer.up.delete('v0')
    dispatchWork(
      test.dispatch,
      worker.proposer,
      worker.outbox,
      test.members,
      test.hints,
      worker.now,
    )
    const [claim, ...more] = worker.sentOf('claim')
    assert.deepEqual(more, [])
    assert.deepEqual([claim?.to, claim?.message.seqs, claim?.message.anyCount], ['v1', [], 4])
    assert.deepEqual(asked(), [])
  })

  it('is no more than it has heard of, which is not asked for twice', () => {
    const { test, worker } = setup()
    test.hear({ seqs: [0, 2] })
    test.work()
    test.work()
    const claims = [...worker.proposer.claims.values()]
    assert.deepEqual(
      claims.map(({ anyCount }) => anyCount),
      [2],
    )
  })

  it('is claimed by number while the first voter does not answer', () => {
    const { test, worker } = setup()
    test.hear({})
    sawUnpicked(test.dispatch, ledgerId, undefined, true, worker.now)
    assert.deepEqual(test.work()[0]?.seqs, [0, 4])
    test.finishAll()
    test.work(10_000)
    const [claiming] = worker.proposer.claims.values()
    assert.equal(claiming?.any.length, 1)
  })
})

describe('what a voter gets', () => {
  function setup() {
    const own = TestVoter.holding(9, { peer: 'v1' })
    const worker = new TestProposer(['v0', 'v1', 'v2'], 5, { self: 'v1', voter: own.voter })
    const served = [{ queue: 'hash', concurrency: 2 }]
    const dispatch = createDispatch('v1', served, 2)
    const members = noMembers()
    for (const peer of ['v0', 'v2']) join(members, peer, 0, { concurrency: 0 })
    const claims = () => {
      dispatchWork(dispatch, worker.proposer, worker.outbox, members, new Map(), worker.now)
      return [...worker.proposer.claims.values()].map(({ seqs, any }) => [
        countOf(seqs),
        any.length,
      ])
    }
    return { own, worker, dispatch, members, claims }
  }

  it('it claims by number where all workers vote', () => {
    assert.deepEqual(setup().claims(), [[2, 0]])
  })

  it('is picked by the first voter where others work, too', () => {
    const { members, claims } = setup()
    join(members, 'worker', 0, { queues: ['mail'] })
    assert.deepEqual(claims(), [[0, 1]])
  })

  it('it claims by number what the first voter does not have, a moment later', () => {
    const { own, worker, dispatch, members, claims } = setup()
    join(members, 'worker', 0, { queues: ['mail'] })
    sawUnpicked(dispatch, ledgerId, own.voter.ledgers.get(ledgerId), false, worker.now)
    assert.deepEqual(claims(), [])
    worker.now = dispatch.wakeAt
    assert.deepEqual(claims(), [[2, 0]])
  })
})
