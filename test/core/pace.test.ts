import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  awaitLate,
  createPace,
  mostMs,
  patienceMs,
  sawAnswer,
  sawLate,
} from '../../src/core/pace.ts'
import { claimMs } from '../../src/core/claim.ts'
import { tick } from '../../src/core/tick.ts'
import { tentativeMs } from '../../src/core/voter.ts'
import { plainSpec } from './fixtures.ts'
import { Harness } from './harness.ts'
import { recordsOf, TestProposer } from './test-proposer.ts'

const task = [0, 1]

/** What is seen when all but some of a hundred answers take a while. */
function seen(ms: number, others: readonly number[] = [], times = 100) {
  const pace = createPace()
  for (let i = 0; i < times - others.length; i++) sawAnswer(pace, ms)
  for (const other of others) sawAnswer(pace, other)
  return pace
}

describe('the patience for an answer', () => {
  const cases = [
    { name: 'is the least at first', pace: createPace(), about: 1_000 },
    { name: 'is the least where answers are fast', pace: seen(20), about: 1_000 },
    { name: 'is four times as long as answers take', pace: seen(600), about: 2_400 },
    { name: 'does not follow one of a hundred', pace: seen(20, [9_000]), about: 1_000 },
    { name: 'follows two of a hundred', pace: seen(20, [800, 800]), about: 3_200 },
    { name: 'has an end', pace: seen(60_000), about: mostMs },
  ]
  for (const { name, pace, about } of cases) {
    it(name, () => {
      const ms = patienceMs(pace, 1_000)
      assert.ok(ms >= about && ms <= about * 1.2, `${ms} ms`)
    })
  }

  it('is back at the least when answers are fast again', () => {
    const pace = seen(2_000)
    for (let i = 0; i < 3_000; i++) sawAnswer(pace, 5)
    assert.equal(patienceMs(pace, 1_000), 1_000)
  })

  it('learns from answers that came too late, of the latest claims', () => {
    const pace = createPace()
    for (let claim = 0; claim < 100; claim++) awaitLate(pace, claim, 0)
    sawLate(pace, 0, 1_500)
    assert.equal(patienceMs(pace, 1_000), 1_000, 'it is not known any more')
    sawLate(pace, 99, 1_500)
    assert.ok(patienceMs(pace, 1_000) >= 6_000)
  })
})

describe('a proposer far from its voters', () => {
  it('waits for them as long as they have needed before', () => {
    const worker = new TestProposer()
    const first = worker.claim(task)
    worker.tick(claimMs)
    assert.equal(worker.proposer.claims.size, 0, 'nobody has answered in time')
    worker.now += 500
    for (const peer of ['v0', 'v1']) worker.answer(peer, first)
    const second = worker.claim(task)
    worker.tick(1_500)
    for (const peer of ['v0', 'v1']) worker.answer(peer, second, { leaseMs: 6_000 })
    assert.equal(second.won, 1)
  })
})

describe('a claim', () => {
  /** A worker that has learnt to be patient. */
  function patient(): TestProposer {
    const worker = new TestProposer()
    for (let i = 0; i < 100; i++) sawAnswer(worker.proposer.pace, 2_000)
    return worker
  }

  it('is given up before a lease that it was granted is over, so that others need not wait', () => {
    const worker = patient()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming, { leaseMs: tentativeMs })
    worker.take()
    worker.tick(tentativeMs - 1)
    assert.equal(worker.proposer.claims.size, 1)
    worker.tick(1)
    assert.equal(worker.sentOf('release')[0]?.to, 'v0')
  })

  it('is not won by answers that come when the leases in them are over', () => {
    const worker = patient()
    const claiming = worker.claim(task)
    worker.tick(tentativeMs)
    const chunks = recordsOf(task)
    for (const peer of ['v0', 'v1']) worker.answer(peer, claiming, { leaseMs: tentativeMs, chunks })
    const effects = worker.take()
    assert.equal(effects.filter(({ type }) => type === 'run').length, 0)
    const released = effects.filter(e => e.type === 'send' && e.message.type === 'release')
    assert.equal(released.length, 3, 'at each voter that may have granted it')
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('is made by number next where the voter that was to pick was late', () => {
    const worker = patient()
    const { queue, priority, requires } = plainSpec
    const claiming = worker.claim([], { any: [{ queue, priority, requires }], anyCount: 1 })
    worker.tick(tentativeMs)
    worker.answer('v0', claiming, { granted: task, grants: [1, 1], leaseMs: tentativeMs })
    worker.tick(0)
    const [silent, ...more] = worker.proposer.news.exhausted
    assert.deepEqual([silent?.silent, more], [true, []])
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('is not begun by a record that comes when its lease is over', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    for (const peer of ['v0', 'v1']) worker.answer(peer, claiming)
    worker.take()
    worker.now += tentativeMs
    worker.records(task)
    assert.equal(worker.take().filter(({ type }) => type === 'run').length, 0)
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('waits as long as was meant when it began', () => {
    const worker = new TestProposer()
    worker.claim(task)
    for (let i = 0; i < 100; i++) sawAnswer(worker.proposer.pace, 2_000)
    worker.tick(claimMs)
    assert.equal(worker.proposer.claims.size, 0)
  })
})

describe('a voter far from the others', () => {
  it('leases for as long as a holder needs to confirm it', () => {
    const { machine } = new Harness([{ peer: 'a', concurrency: 0 }]).node('a')
    tick(machine, 10_000)
    assert.equal(machine.voter.tentativeMs, tentativeMs)
    for (let i = 0; i < 100; i++) sawAnswer(machine.proposer.pace, 600)
    tick(machine, 11_000)
    assert.ok(machine.voter.tentativeMs >= 2_400 && machine.voter.tentativeMs < 3_000)
    assert.ok(machine.producer.restoreMs >= 2_400)
  })

  it('leases for no longer than a beat of the holder will', () => {
    const { machine } = new Harness([{ peer: 'a', concurrency: 0 }]).node('a')
    for (let i = 0; i < 100; i++) sawAnswer(machine.proposer.pace, 600)
    const short = { ...machine, voter: { ...machine.voter, leaseMs: 2_000 } }
    tick(short, 10_000)
    assert.equal(short.voter.tentativeMs, 2_000)
  })
})
