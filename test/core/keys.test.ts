import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect } from '../../src/core/effects.ts'
import { checkpoint } from '../../src/core/machine.ts'
import { collectNow } from '../../src/core/retention.ts'
import { noTiming } from '../../src/core/timing.ts'
import { closeAt } from '../../src/core/voter-compare.ts'
import { ballot, bytes, plainSpec, valuesOf } from './fixtures.ts'
import { answersIn, numbered, storesIn, TestHost } from './test-host.ts'

const paid = { key: 'order 17', digest: 'paid' }
const other = { key: 'order 17', digest: 'other' }

/** The node publishes a task under a key. */
function publish(host: TestHost, request: number, key = paid, queue = 'hash'): Effect[] {
  const payload = bytes(key.digest)
  const columns = { lengths: Uint32Array.of(payload.length), payload }
  const spec = { ...plainSpec, queue }
  return host.step({ type: 'publish', request, spec, timing: noTiming, ...columns, key })
}

/** Which requests are answered, and with what. */
function answered(effects: readonly Effect[]): string[] {
  return effects.flatMap(effect => {
    if (effect.type === 'publish-refused') {
      return [`${effect.request} ${effect.reason} ${effect.task?.seq}`]
    }
    if (effect.type !== 'published') return []
    return [`${effect.request} ${effect.parts.map(({ seqs }) => seqs[0]).join()}`]
  })
}

/** A node that has published a task under a key, and sent it. */
function published() {
  const host = new TestHost()
  const effects = publish(host, 1)
  const [store] = storesIn(effects)
  assert.ok(store !== undefined)
  return { host, effects, store }
}

describe('a key', () => {
  it('is written down in the very entry of its task, before anything is sent', () => {
    const { effects } = published()
    const persist = effects.find(
      effect => effect.type === 'persist' && effect.entry.type === 'stored',
    )
    assert.ok(persist?.type === 'persist' && persist.entry.type === 'stored')
    assert.deepEqual(persist.entry.origin, { guest: 'h', request: '', key: paid })
    const sent = effects.find(effect => effect.type === 'send' && effect.message.type === 'store')
    assert.ok(sent?.type === 'send' && sent.after >= persist.lsn)
  })

  it('names one task, whoever asks again while it is under way; all are answered together', () => {
    const { host, store } = published()
    assert.deepEqual(answered(publish(host, 2)), [])
    assert.deepEqual(answered(host.hold(store)), ['1 0', '2 0'])
    assert.equal(numbered(host.machine), 1)
  })

  it('answers at once with a task that a majority holds', () => {
    const { host, store } = published()
    host.hold(store)
    assert.deepEqual(answered(publish(host, 2)), ['2 0'])
    assert.equal(numbered(host.machine), 1)
  })

  it('of another record is a conflict, under way and afterwards', () => {
    const { host, store } = published()
    assert.deepEqual(answered(publish(host, 2, other)), ['2 conflict 0'])
    host.hold(store)
    assert.deepEqual(answered(publish(host, 3, other)), ['3 conflict 0'])
    assert.equal(numbered(host.machine), 1)
  })

  it('is another one in another queue', () => {
    const { host } = published()
    publish(host, 2, other, 'mail')
    assert.equal(numbered(host.machine), 2)
  })

  it('of a task that there is no room for names nothing', () => {
    const host = new TestHost(3)
    assert.deepEqual(answered(publish(host, 1)), ['1 full undefined'])
    assert.deepEqual(answered(publish(host, 2)), ['2 full undefined'])
  })

  it('is forgotten with its ledger', () => {
    const { host, store } = published()
    host.hold(store)
    const { ledger, epoch } = store
    const values = valuesOf([0, 1], 'done')
    const outcome = { ballot: ballot(3, 'v1.1'), kind: 'done', seqs: [0, 1], values: [values] }
    host.receive('v1', { type: 'decided', ledger, epoch, outcomes: [{ ...outcome, kind: 'done' }] })
    const { voter, outbox, keys } = host.machine
    const held = voter.ledgers.get(ledger)
    assert.ok(held !== undefined)
    closeAt(outbox, held, 1)
    collectNow(voter, outbox, ledger, [0, 1])
    assert.equal(keys.named.size, 1)
    host.step({ type: 'tick' })
    assert.equal(keys.named.size, 0)
  })
})

describe('a key after a restart', () => {
  const disks = [
    { name: 'from the journal', disk: (host: TestHost) => [...host.entries] },
    {
      name: 'from a checkpoint',
      disk: (host: TestHost) => [...checkpoint(host.machine, host.now)],
    },
  ]
  for (const { name, disk } of disks) {
    it(`names its task, which is stored again before that is said, ${name}`, () => {
      const { host, store } = published()
      host.restart(disk(host))
      const effects = publish(host, 7)
      assert.deepEqual(answered(effects), [], 'nobody else is known to hold it')
      const [again] = storesIn(effects)
      assert.deepEqual([again?.ledger, again?.chunks[0]?.first], [store.ledger, 0])
      assert.deepEqual(answered(host.hold(store)), ['7 0'])
      assert.equal(numbered(host.machine), 1)
    })

    it(`keeps another record out, ${name}`, () => {
      const { host, store } = published()
      host.hold(store)
      host.restart(disk(host))
      assert.deepEqual(answered(publish(host, 7, other)), ['7 conflict 0'])
    })
  }
})

describe('a guest’s key', () => {
  it('names one task, whichever guest asks', () => {
    const host = new TestHost()
    const [store] = storesIn(host.submit('r1', ['a'], 'g', paid))
    assert.ok(store !== undefined)
    assert.deepEqual(answersIn(host.submit('r2', ['a'], 'g', paid)), [])
    const answers = answersIn(host.hold(store))
    assert.deepEqual(
      answers.map(({ request, seqs }) => [request, seqs]),
      [
        ['r1', [0, 1]],
        ['r2', [0, 1]],
      ],
    )
    assert.deepEqual(answered(publish(host, 1)), ['1 0'])
    assert.equal(numbered(host.machine), 1)
  })

  it('of another record is refused, and the task is named', () => {
    const host = new TestHost()
    const [store] = storesIn(host.submit('r1', ['a'], 'g', paid))
    const [answer] = answersIn(host.submit('r2', ['b'], 'g', other))
    assert.deepEqual(
      [answer?.refused, answer?.ledger, answer?.seqs],
      ['conflict', store?.ledger, [0, 1]],
    )
    assert.equal(numbered(host.machine), 1)
  })

  it('is known in a request that is sent again to a host that has restarted', () => {
    const host = new TestHost()
    const [store] = storesIn(host.submit('r1', ['a'], 'g', paid))
    assert.ok(store !== undefined)
    host.restart()
    host.submit('r1', ['a'], 'g', paid)
    assert.equal(answersIn(host.hold(store)).length, 1)
    assert.equal(numbered(host.machine), 1)
  })
})
