import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClaiming, leasedUntil } from '../../src/core/claim.ts'
import { grantTo, isDirect } from '../../src/core/direct-grant.ts'
import { idleWorker } from '../../src/core/idle-worker.ts'
import { onStore } from '../../src/core/voter-store.ts'
import { ballot, chunkOf, infoOf, ledgerId, plainSpec, TestVoter } from './fixtures.ts'
import { Harness } from './harness.ts'

/** Three voters of a's ledger, of which b and c work. */
function three(b = 2, c = 2): Harness {
  const cluster = new Harness([
    { peer: 'a', concurrency: 0 },
    { peer: 'b', concurrency: b },
    { peer: 'c', concurrency: c },
  ])
  const info = () => cluster.node('a').machine.producer.current?.info
  cluster.until(() => info()?.voters.length === 3, 10_000)
  cluster.run(5_000)
  cluster.write()
  return cluster
}

function runs(cluster: Harness): number {
  return cluster.runsOf('b').length + cluster.runsOf('c').length
}

describe('a new task', () => {
  it('runs at an idle worker one message after it was published, without a claim', () => {
    const cluster = three()
    cluster.publish('a', ['one'])
    cluster.run(1)
    assert.equal(runs(cluster), 1)
    cluster.run(500)
    assert.equal(runs(cluster), 1)
    assert.doesNotMatch(cluster.text, / CLAIM /)
  })

  it('is claimed by others at once if the worker does not take it on', () => {
    const cluster = three(2, 0)
    const { dispatch } = cluster.node('b').machine
    dispatch.draining = true
    cluster.publish('a', ['one'])
    cluster.run(10)
    assert.match(cluster.text, /b → a {2}RELEASE/)
    assert.equal(runs(cluster), 0)
    dispatch.draining = false
    cluster.wake('b')
    cluster.run(10)
    assert.equal(runs(cluster), 1)
    assert.match(cluster.text, /b → a {2}CLAIM /)
  })

  it('runs where it was published if nobody else has more room, as cheaply', () => {
    const cluster = three(2, 2)
    const info = () => cluster.node('b').machine.producer.current?.info
    cluster.until(() => info()?.voters.length === 3, 10_000)
    cluster.publish('b', ['one'])
    cluster.run(5)
    assert.equal(cluster.runsOf('b').length, 1)
    assert.doesNotMatch(cluster.text, / CLAIM /)
    cluster.publish('b', ['two'])
    cluster.run(5)
    assert.equal(cluster.runsOf('c').length, 1, 'which has two slots, where b has one left')
    assert.doesNotMatch(cluster.text, / CLAIM /)
  })

  it('goes to the worker with the most room', () => {
    const cluster = three(1, 3)
    cluster.publish('a', ['one', 'two'])
    cluster.run(1)
    assert.equal(cluster.runsOf('c').length, 1)
  })
})

describe('no worker is chosen', () => {
  const cases: readonly [string, (cluster: Harness) => Parameters<typeof idleWorker>][] = [
    ['for more tasks than so many', one => [one.node('a').machine, plainSpec, 9, one.now]],
    [
      'where labels are required',
      one => [one.node('a').machine, { ...plainSpec, requires: 'gpu=1' }, 1, one.now],
    ],
    ['for more than any has room for', one => [one.node('a').machine, plainSpec, 3, one.now]],
    [
      'for a queue that nobody serves',
      one => [one.node('a').machine, { ...plainSpec, queue: 'mail' }, 1, one.now],
    ],
  ]
  for (const [name, args] of cases) {
    it(name, () => assert.equal(idleWorker(...args(three())), undefined))
  }

  it('where others wait before them', () => {
    const cluster = three()
    cluster.publish('a', new Array<string>(20).fill('x'))
    cluster.run(50)
    const { machine } = cluster.node('a')
    assert.equal(idleWorker(machine, plainSpec, 1, cluster.now), undefined)
  })
})

describe('a voter that gets a claim with new records', () => {
  function granted(from = 'p') {
    const voter = new TestVoter()
    voter.open()
    const grant = { info: voter.info, claimId: 2 ** 31 + 1, ballot: ballot(1, 'w.1') }
    const store = { type: 'store', ledger: ledgerId, epoch: 0, fresh: true, grant } as const
    const give = () => {
      const chunks = [chunkOf(0, ['a'])]
      onStore(voter.voter, voter.outbox, from, { ...store, chunks }, voter.now)
      return voter.take().filter(({ message }) => message.type === 'claimed')
    }
    return { voter, give }
  }

  it('answers the worker as if it had asked, once the record and the mark are durable', () => {
    const { voter, give } = granted()
    const [claimed, ...more] = give()
    assert.deepEqual(more, [])
    assert.ok(claimed?.message.type === 'claimed')
    assert.equal(claimed.to, 'w')
    assert.deepEqual(claimed.message.granted, [0, 1])
    const entries = voter.entries.map(({ type }) => type)
    assert.deepEqual(entries, ['opened', 'stored', 'reserved', 'granted'])
    assert.equal(claimed.after, 3)
    assert.deepEqual(voter.register(0).promised, ballot(1, 'w.1'))
  })

  it('grants nothing that it holds already', () => {
    const { give } = granted()
    give()
    assert.deepEqual(give(), [])
  })

  it('grants nothing that another than the producer asks for', () => {
    const { voter, give } = granted('x')
    assert.deepEqual(give(), [])
    assert.deepEqual(voter.register(0).promised.counter, 0)
  })
})

describe('a claim that a producer made', () => {
  it('has a counter of its own in the ledger, and an id that no worker counts to', () => {
    const { ledger } = TestVoter.holding(1)
    ledger.counter = 6
    const grants = [grantTo(ledger, 'w.1', three().node('a').machine.random)]
    grants.push(grantTo(ledger, 'w.1', three().node('a').machine.random))
    assert.deepEqual(
      grants.map(grant => grant.ballot.counter),
      [7, 8],
    )
    assert.ok(grants.every(({ claimId }) => isDirect(claimId)))
  })

  it('is believed in for a second, unless voters have renewed it', () => {
    const want = { info: infoOf(['v0', 'v1', 'v2']), intent: 'run', seqs: [0, 1] } as const
    const once = { any: [], anyCount: 0, sequential: false, cancel: undefined, hand: undefined }
    const more = { id: 2 ** 31, ballot: ballot(1), startedAt: 1_000, tries: 0, queue: 'hash' }
    const claiming = createClaiming({ ...want, ...once, ...more, direct: true })
    assert.equal(leasedUntil(claiming, 0b111), 1_980)
    claiming.until[0] = 30_000
    assert.equal(leasedUntil(claiming, 0b111), 1_980)
    claiming.until[2] = 31_000
    assert.equal(leasedUntil(claiming, 0b111), 30_000)
  })
})
