import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createHost, remember } from '../../src/core/host.ts'
import { checkpoint } from '../../src/core/machine.ts'
import type { Store } from '../../src/core/messages.ts'
import { ballot, chunkOf, ledgerId, valuesOf } from './fixtures.ts'
import { helloOf } from './peers.ts'
import { answersIn, numbered, storesIn, TestHost } from './test-host.ts'

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
    assert.deepEqual(persist.entry.origin, { guest: 'g', request: 'r1', key: undefined })
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

  it('stores again at those who keep the ledger by now, who may never have got it', () => {
    const host = new TestHost()
    const before = submitted(host)
    const { ledger } = before
    const voters = ['v1', 'v2', 'v3'].map(peer => ({ peer, storageId: `s-${peer}` }))
    const info = { ledger, epoch: 1, producer: 'h.1', voters }
    host.restart([...host.entries, { type: 'sealed', ...info }, { type: 'moved', ...info }])
    const effects = host.submit('r1', ['a', 'b'])
    assert.deepEqual(answersIn(effects), [], 'nobody is known to hold it')
    const [again] = storesIn(effects)
    assert.deepEqual([again?.epoch, again?.chunks[0]], [1, { ...chunkOf(0, ['a', 'b']) }])
    assert.ok(again !== undefined)
    assert.deepEqual(answersIn(host.hold(again)), [])
    assert.deepEqual(answersIn(host.hold(again, 'v2'))[0]?.seqs, [0, 2])
    assert.equal(numbered(host.machine), 0, 'and not once more')
  })

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
