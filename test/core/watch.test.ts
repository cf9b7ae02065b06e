import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createWatch,
  forgetWatcher,
  onOutcomes,
  onProgress,
  onUnwatch,
  onWatch,
  rewatch,
  rewatchMs,
  tellOutcome,
  unwatchTasks,
  watchTasks,
} from '../../src/core/watch.ts'
import { ballot, ledgerId, TestVoter, valuesOf } from './fixtures.ts'
import { join, noMembers } from './peers.ts'

/** A voter with a settled task 0 and open tasks, and who waits for them. */
function setup() {
  const own = TestVoter.holding(3)
  own.decide(ballot(1), valuesOf([0, 1], 'done', 'zero'))
  own.voter.decisions = []
  own.take()
  const watch = createWatch()
  const members = noMembers()
  for (const peer of ['v1', 'v2']) join(members, peer, 0)
  const effects = () => {
    const all = own.outbox.effects.filter(({ type }) => type !== 'persist')
    own.outbox.effects = []
    return all
  }
  const told = () =>
    effects().map(effect => {
      if (effect.type === 'send' && effect.message.type === 'outcomes') {
        return [effect.to, effect.message.values[0]?.seqs]
      }
      if (effect.type === 'send') return [effect.to, effect.message.type]
      return effect.type === 'outcomes' ? ['application', effect.values[0]?.seqs] : [effect.type]
    })
  return { own, watch, members, effects, told }
}

const all = { ledger: ledgerId, seqs: [0, 3], progress: false }

describe('WATCH', () => {
  it('is answered at once by what is decided, and later by the rest, once', () => {
    const { own, watch, told } = setup()
    onWatch(watch, own.voter, own.outbox, 'g', { type: 'watch', ...all })
    assert.deepEqual(told(), [['g', [0, 1]]])
    const one = valuesOf([1, 1], 'failed')
    tellOutcome(watch, own.outbox, ledgerId, one, false)
    assert.deepEqual(told(), [['g', [1, 1]]])
    tellOutcome(watch, own.outbox, ledgerId, one, false)
    assert.deepEqual(told(), [])
  })

  it('ends by UNWATCH and with the connection', () => {
    const { own, watch, told } = setup()
    for (const peer of ['g', 'h'])
      onWatch(watch, own.voter, own.outbox, peer, { type: 'watch', ...all })
    told()
    onUnwatch(watch, 'g', ledgerId, [1, 1])
    forgetWatcher(watch, 'h')
    tellOutcome(watch, own.outbox, ledgerId, valuesOf([1, 2], 'done'), false)
    assert.deepEqual(told(), [['g', [2, 1]]])
    assert.equal(watch.peers.get(ledgerId)?.size ?? 0, 0)
  })

  it('for a ledger that is not voted in here is not answered', () => {
    const { own, watch, told } = setup()
    const other = { type: 'watch', ...all, ledger: 'c'.repeat(32) } as const
    onWatch(watch, own.voter, own.outbox, 'g', other)
    assert.deepEqual(told(), [])
    assert.equal(watch.peers.size, 0)
  })
})

describe('the application that waits', () => {
  it('is told what this voter knows, and the rest when it learns it', () => {
    const { own, watch, members, told } = setup()
    watchTasks(watch, own.voter, own.outbox, members, all, own.now)
    assert.deepEqual(told(), [['application', [0, 1]]])
    tellOutcome(watch, own.outbox, ledgerId, valuesOf([1, 2], 'done'), false)
    assert.deepEqual(told(), [['application', [1, 2]]])
    assert.equal(watch.application.size, 0)
  })

  it('is told of its own tasks even if it does not wait', () => {
    const { own, watch, told } = setup()
    tellOutcome(watch, own.outbox, ledgerId, valuesOf([1, 1], 'done'), true)
    assert.deepEqual(told(), [['application', [1, 1]]])
  })

  it('asks every full node where it does not vote, and again until it is answered', () => {
    const { own, watch, members, told } = setup()
    const foreign = { ...all, ledger: 'c'.repeat(32) }
    watchTasks(watch, own.voter, own.outbox, members, foreign, own.now)
    const asked = [
      ['v1', 'watch'],
      ['v2', 'watch'],
    ]
    assert.deepEqual(told(), asked)
    rewatch(watch, own.voter, own.outbox, members, own.now + rewatchMs - 1)
    assert.deepEqual(told(), [])
    rewatch(watch, own.voter, own.outbox, members, own.now + rewatchMs)
    assert.deepEqual(told(), asked)
    rewatch(watch, own.voter, own.outbox, members, own.now, 'v2')
    assert.deepEqual(told(), [['v2', 'watch']])
    const values = [valuesOf([0, 3], 'done')]
    onOutcomes(watch, own.outbox, { type: 'outcomes', ledger: foreign.ledger, values })
    onOutcomes(watch, own.outbox, { type: 'outcomes', ledger: foreign.ledger, values })
    assert.deepEqual(told(), [['application', [0, 3]]], 'told once, whoever answers')
    rewatch(watch, own.voter, own.outbox, members, own.now + 9 * rewatchMs)
    assert.deepEqual(told(), [])
    assert.equal(watch.rewatchAt, Infinity)
  })

  it('asks every full node, too, where it votes without its fellows', () => {
    const { own, watch, members, told } = setup()
    own.voter.lonely.set(ledgerId, own.now)
    watchTasks(watch, own.voter, own.outbox, members, { ...all, seqs: [1, 2] }, own.now)
    const asked = [
      ['v1', 'watch'],
      ['v2', 'watch'],
    ]
    assert.deepEqual(told(), asked)
    rewatch(watch, own.voter, own.outbox, members, own.now + rewatchMs)
    assert.deepEqual(told(), asked)
  })

  it('believes no retry to be an outcome', () => {
    const { own, watch, members, told } = setup()
    const foreign = { ...all, ledger: 'c'.repeat(32) }
    watchTasks(watch, own.voter, own.outbox, members, foreign, own.now)
    told()
    const values = [valuesOf([0, 3], 'pending')]
    onOutcomes(watch, own.outbox, { type: 'outcomes', ledger: foreign.ledger, values })
    assert.deepEqual(told(), [])
  })

  it('may stop waiting', () => {
    const { own, watch, members, told } = setup()
    watchTasks(watch, own.voter, own.outbox, members, all, own.now)
    told()
    unwatchTasks(watch, own.outbox, members, ledgerId, [0, 3])
    assert.equal(watch.application.size, 0)
    assert.deepEqual(told(), [
      ['v1', 'unwatch'],
      ['v2', 'unwatch'],
    ])
  })
})

describe('progress', () => {
  const line = { ledger: ledgerId, seq: 1, token: 4, kind: 'log', body: new Uint8Array(1) } as const

  it('goes to those who asked for it, and is handed on by a relay only', () => {
    const { own, watch, members, told } = setup()
    watchTasks(watch, own.voter, own.outbox, members, { ...all, progress: true }, own.now)
    onWatch(watch, own.voter, own.outbox, 'g', { type: 'watch', ...all, progress: true })
    onWatch(watch, own.voter, own.outbox, 'h', { type: 'watch', ...all })
    told()
    onProgress(watch, own.outbox, line, false)
    assert.deepEqual(told(), [['progress-seen']])
    onProgress(watch, own.outbox, line, true)
    assert.deepEqual(told(), [['progress-seen'], ['g', 'progress']])
    onProgress(watch, own.outbox, { ...line, seq: 0 }, true)
    assert.deepEqual(told(), [], 'of a settled task nobody waits for any')
  })
})
