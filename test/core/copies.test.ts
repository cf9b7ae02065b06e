import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect } from '../../src/core/effects.ts'
import { noTiming } from '../../src/core/timing.ts'
import { ballot, bytes, plainSpec, valuesOf } from './fixtures.ts'
import { Harness } from './harness.ts'
import { answersIn, numbered, storesIn, TestHost } from './test-host.ts'

/** The node publishes a task that so many voters must hold. */
function publish(host: TestHost, request: number, copies: number, key?: string): Effect[] {
  const columns = { lengths: Uint32Array.of(1), payload: bytes('x') }
  const named = key === undefined ? undefined : { key, digest: 'x' }
  const tasks = { spec: plainSpec, timing: noTiming, ...columns, copies, key: named }
  return host.step({ type: 'publish', request, ...tasks })
}

function isPublished(effects: readonly Effect[]): boolean {
  return effects.some(({ type }) => type === 'published')
}

describe('a task of which there are to be copies', () => {
  for (const copies of [0, 1, 2]) {
    it(`is published by a majority of three if ${copies} are asked for`, () => {
      const host = new TestHost()
      const [store] = storesIn(publish(host, 1, copies))
      assert.ok(store !== undefined)
      assert.equal(isPublished(host.hold(store, 'v1')), true)
    })
  }

  it('is published when the last of three holds it, who is told again until then', () => {
    const host = new TestHost()
    const [store] = storesIn(publish(host, 1, 3))
    assert.ok(store !== undefined)
    assert.equal(isPublished(host.hold(store, 'v1')), false)
    host.now += 2_000
    const again = host.step({ type: 'tick' })
    assert.deepEqual([storesIn(again, 'v1').length, storesIn(again, 'v2').length], [0, 1])
    assert.equal(isPublished(host.hold(store, 'v2')), true)
  })

  it('is held by so many when its key is met again, too, though a majority has it', () => {
    const host = new TestHost()
    const [store] = storesIn(publish(host, 1, 0, 'k'))
    assert.ok(store !== undefined)
    host.hold(store, 'v1')
    assert.equal(isPublished(publish(host, 2, 0, 'k')), true)
    assert.equal(isPublished(publish(host, 3, 3, 'k')), false)
    assert.equal(isPublished(host.hold(store, 'v1')), false)
    assert.equal(isPublished(host.hold(store, 'v2')), true)
    assert.equal(numbered(host.machine), 1)
  })

  it('needs none any more once it is settled: others may have forgotten it', () => {
    const host = new TestHost()
    const [store] = storesIn(publish(host, 1, 3))
    assert.ok(store !== undefined)
    const { ledger, epoch } = store
    const none = { conflict: [], full: [], fullMs: 0, counter: 0 }
    const stored = { type: 'stored', ledger, epoch, stored: [], settled: [0, 1], ...none } as const
    assert.equal(isPublished(host.receive('x', stored)), false, 'that is no voter')
    assert.equal(isPublished(host.receive('v1', stored)), true)
  })

  it('needs none any more once this node knows that it is settled', () => {
    const host = new TestHost()
    const [store] = storesIn(publish(host, 1, 3))
    assert.ok(store !== undefined)
    assert.equal(isPublished(host.hold(store, 'v1')), false)
    const { ledger, epoch } = store
    const values = [valuesOf([0, 1], 'done')]
    const outcome = { ballot: ballot(3, 'v1.1'), kind: 'done', seqs: [0, 1], values } as const
    host.receive('v1', { type: 'decided', ledger, epoch, outcomes: [outcome] })
    host.now += 2_000
    const later = host.step({ type: 'tick' })
    assert.deepEqual([isPublished(later), storesIn(later).length], [true, 0])
  })

  it('is answered to a guest when there are', () => {
    const host = new TestHost()
    const [store] = storesIn(host.submit('r1', ['x'], 'g', undefined, 3))
    assert.ok(store !== undefined)
    assert.deepEqual(answersIn(host.hold(store, 'v1')), [])
    assert.equal(answersIn(host.hold(store, 'v2')).length, 1)
  })

  it('waits without a number for a ledger with so many voters, within the budget', () => {
    const host = new TestHost(100)
    assert.equal(isPublished(publish(host, 1, 5)), false)
    assert.equal(numbered(host.machine), 0)
    const wide = { lengths: Uint32Array.of(100), payload: bytes('x'.repeat(100)) }
    const more = {
      type: 'publish',
      request: 2,
      spec: plainSpec,
      timing: noTiming,
      ...wide,
    } as const
    const refused = host.step({ ...more, copies: 5 })
    assert.ok(refused.some(({ type }) => type === 'publish-refused'))
  })

  it('gets its number when enough nodes have come', () => {
    const cluster = new Harness(['a', 'b', 'c'].map(peer => ({ peer, concurrency: 0 })))
    cluster.kill('b')
    cluster.kill('c')
    cluster.run(5_000)
    const { machine } = cluster.node('a')
    cluster.publish('a', ['1'], 3)
    cluster.run(1_000)
    assert.equal(numbered(machine), 0)
    cluster.restart('b')
    cluster.restart('c')
    cluster.run(40_000)
    assert.equal(numbered(machine), 1)
    assert.equal(machine.producer.waitingBytes, 0)
    assert.equal(machine.producer.requests.size, 0, 'it is published')
  })
})
