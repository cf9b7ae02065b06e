import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { replayVoter } from '../../src/core/recovery.ts'
import { takeExpired } from '../../src/core/limits.ts'
import type { AcceptedValues, Chunk, Values } from '../../src/core/messages.ts'
import { limitAfter, limitAt, limitLeft, noTiming, timingAfter } from '../../src/core/timing.ts'
import { finishMs, voterWakeAt } from '../../src/core/voter.ts'
import { ballot, chunkOf, leaseMs, TestVoter, valuesOf } from './fixtures.ts'
import { TestProposer, type Want } from './test-proposer.ts'

const task = [0, 1]
const startMs = 10_000
const endMs = 60_000

describe('a timing', () => {
  it('counts down, and a limit that is over is not taken for none', () => {
    const timing = { ageMs: 5, delayMs: 100, startWithinMs: 200, endWithinMs: 0 }
    const later = { ageMs: 255, delayMs: 0, startWithinMs: 1, endWithinMs: 0 }
    assert.deepEqual(timingAfter(timing, 250), later)
    assert.deepEqual(timingAfter(noTiming, 0), noTiming)
    assert.equal(limitAfter(300, 250), 50)
  })

  it('is told as it was heard', () => {
    assert.equal(limitLeft(limitAt(300, 1_000), 1_200), 100)
    assert.equal(limitLeft(limitAt(300, 1_000), 9_000), 1)
    assert.equal(limitLeft(limitAt(0, 1_000), 9_000), 0)
  })
})

/** One voter with two tasks that have limits. */
function limited(more: Partial<Chunk>, peer = 'v0'): TestVoter {
  const voter = new TestVoter({ peer })
  voter.open()
  voter.store(chunkOf(0, ['a', 'b'], more))
  return voter
}

function expired(voter: TestVoter): { seqs: readonly number[]; intent: string }[] {
  return takeExpired(voter.voter, voter.now).map(({ seqs, intent }) => ({ seqs, intent }))
}

describe('a voter', () => {
  it('sees that tasks have waited too long, and claims to run them', () => {
    const voter = limited({ startWithinMs: startMs })
    assert.equal(voterWakeAt(voter.voter), voter.now + startMs)
    voter.wait(startMs - 1)
    assert.deepEqual(expired(voter), [])
    voter.wait(1)
    assert.deepEqual(expired(voter), [{ seqs: [0, 2], intent: 'run' }])
  })

  it('leaves alone what somebody has begun, until it is given back', () => {
    const voter = limited({ startWithinMs: startMs })
    voter.claim(ballot(1), task)
    voter.wait(0)
    voter.now += startMs
    assert.deepEqual(expired(voter), [{ seqs: [1, 1], intent: 'run' }])
    voter.release(ballot(1), task)
    voter.now += leaseMs
    assert.deepEqual(expired(voter), [{ seqs: [0, 2], intent: 'run' }])
  })

  it('leaves alone what has ended in an error before', () => {
    const voter = limited({ startWithinMs: startMs })
    voter.claim(ballot(1), [0, 2])
    voter.settle(ballot(1), [valuesOf([0, 2], 'pending', '', { failures: 1 })])
    voter.wait(startMs)
    assert.deepEqual(expired(voter), [])
    assert.equal(voter.ledger.limits.length, 0)
  })

  it('sees that tasks have lived too long, and claims to end them through leases', () => {
    const voter = limited({ startWithinMs: startMs, endWithinMs: endMs })
    voter.claim(ballot(1), task)
    voter.now += endMs
    assert.deepEqual(expired(voter), [{ seqs: [0, 2], intent: 'cancel' }])
  })

  it('tries again while they are open, and not once they are settled', () => {
    const voter = limited({ endWithinMs: endMs })
    voter.wait(endMs)
    assert.equal(expired(voter).length, 1)
    voter.wait(finishMs - 1)
    assert.deepEqual(expired(voter), [])
    const failed = valuesOf(task, 'failed', '', { reason: 'expired' })
    voter.settle(ballot(1), [failed])
    voter.decide(ballot(1), failed)
    voter.wait(1)
    assert.deepEqual(expired(voter), [{ seqs: [1, 1], intent: 'cancel' }])
  })

  it('lets the voters before it in the list propose first', () => {
    const voter = limited({ endWithinMs: endMs }, 'v2')
    voter.wait(endMs + 2 * finishMs - 1)
    assert.deepEqual(expired(voter), [])
    voter.wait(1)
    assert.equal(expired(voter).length, 1)
  })

  it('claims many tasks in parts, some at once', () => {
    const voter = new TestVoter()
    voter.open()
    const payloads = Array<string>(1_000).fill('')
    for (const first of [0, 1_000]) voter.store(chunkOf(first, payloads, { endWithinMs: endMs }))
    voter.wait(endMs)
    const seen = expired(voter)
    assert.deepEqual(
      seen.map(({ seqs }) => seqs[1]),
      [256, 256, 256, 256],
    )
    voter.wait(100)
    assert.deepEqual(expired(voter)[0]?.seqs, [1_024, 256])
  })

  it('counts on through a restart, but not for longer when its wall clock is set back', () => {
    for (const [setMs, atMs] of [
      [0, endMs - 1_000],
      [-500, endMs - 500],
      [-5_000, endMs],
    ] as const) {
      const before = limited({ endWithinMs: endMs })
      const again = new TestVoter()
      again.now = before.now + 1_000
      again.voter.wallOffsetMs += setMs
      for (const entry of before.entries) replayVoter(again.voter, entry, 0, again.now)
      assert.equal(voterWakeAt(again.voter), again.now + atMs, `set by ${setMs} ms`)
    }
  })
})

const pending: AcceptedValues = {
  ballot: ballot(1, 'x.1'),
  values: valuesOf(task, 'pending', '', { failures: 2 }),
}
const done: AcceptedValues = { ballot: ballot(1, 'x.1'), values: valuesOf(task, 'done', 'theirs') }

/** What a claim that everybody grants settles; undefined if it settles nothing. */
function settledBy(
  want: Want,
  { grants = want.expiry === true ? 0 : 1, accepted = [], chunks = [] }: Granted,
): Values | 'runs' | undefined {
  const worker = new TestProposer()
  const claiming = worker.claim(task, want)
  for (const voter of ['v0', 'v1']) {
    worker.answer(voter, claiming, { grants: [1, grants], accepted: [...accepted], chunks })
  }
  const effects = worker.take()
  if (effects.some(({ type }) => type === 'run')) return 'runs'
  for (const effect of effects) {
    if (effect.type === 'send' && effect.message.type === 'settle') return effect.message.values[0]
  }
  return undefined
}

interface Granted {
  readonly grants?: number
  readonly accepted?: readonly AcceptedValues[]
  readonly chunks?: readonly Chunk[]
}

describe('an idle claim', () => {
  const idle = { idle: true } as const

  it('is granted like a run, but leases and counts nothing', () => {
    const voter = limited({})
    const claimed = voter.claim(ballot(1), task, idle)
    assert.deepEqual([claimed.granted, claimed.grants, claimed.leaseMs], [task, [1, 0], 0])
    assert.deepEqual(voter.register(0).promised, ballot(1))
    assert.equal(voter.voter.leases.byId.size, 0)
    assert.deepEqual(voter.claim(ballot(2), task).granted, task)
  })

  it('is refused where somebody holds a lease, and the holder keeps it', () => {
    const voter = limited({})
    voter.claim(ballot(1), task)
    assert.equal(voter.claim(ballot(2, 'x.1'), task, idle).refused[0]?.reason, 'held')
    assert.deepEqual(voter.register(0).promised, ballot(1))
  })

  it('is refused where a task is not due', () => {
    const voter = limited({ delayMs: 5_000 })
    assert.equal(voter.claim(ballot(1), task, idle).refused[0]?.reason, 'not-due')
  })

  it('is what a limit on the wait asks with', () => {
    const worker = new TestProposer()
    worker.claim(task, { intent: 'run', expiry: true })
    assert.equal(worker.sentOf('claim')[0]?.message.idle, true)
    worker.claim(task, { intent: 'cancel', expiry: true })
    worker.claim(task)
    assert.ok(worker.sentOf('claim').every(({ message }) => !message.idle))
  })
})

describe('a majority granted', () => {
  const unbegun: Want = { intent: 'run', expiry: true }
  const over: Want = { intent: 'cancel', expiry: true }
  const late = [chunkOf(0, ['x'], { startWithinMs: 1 })]
  const ended = [chunkOf(0, ['x'], { endWithinMs: 1 })]
  const early = [chunkOf(0, ['x'], { startWithinMs: 2, endWithinMs: 2 })]

  const rows: readonly {
    readonly name: string
    readonly want: Want
    readonly granted: Granted
    readonly settles: 'expired' | 'theirs' | 'runs' | undefined
  }[] = [
    { name: 'what nobody has begun: it fails', want: unbegun, granted: {}, settles: 'expired' },
    {
      name: 'what somebody has begun: it goes on',
      want: unbegun,
      granted: { grants: 1 },
      settles: undefined,
    },
    {
      name: 'what has ended in an error before: it goes on',
      want: unbegun,
      granted: { accepted: [pending] },
      settles: undefined,
    },
    {
      name: 'what has an outcome: that is settled',
      want: unbegun,
      granted: { accepted: [done] },
      settles: 'theirs',
    },
    {
      name: 'what has lived too long: it fails, whatever has happened to it',
      want: over,
      granted: { grants: 3, accepted: [pending] },
      settles: 'expired',
    },
    {
      name: 'what has lived too long and has an outcome: that is settled',
      want: over,
      granted: { accepted: [done] },
      settles: 'theirs',
    },
    {
      name: 'a run of what has waited too long: nothing runs',
      want: {},
      granted: { chunks: late },
      settles: 'expired',
    },
    {
      name: 'another run of what was begun in time: it runs',
      want: {},
      granted: { chunks: late, grants: 2 },
      settles: 'runs',
    },
    {
      name: 'a run of what has lived too long: nothing runs',
      want: {},
      granted: { chunks: ended, grants: 2 },
      settles: 'expired',
    },
    {
      name: 'a run in time: it runs',
      want: {},
      granted: { chunks: early },
      settles: 'runs',
    },
  ]
  for (const { name, want, granted, settles } of rows) {
    it(name, () => {
      const settled = settledBy(want, granted)
      if (settled === undefined || settled === 'runs') assert.equal(settled, settles)
      else if (settles === 'theirs') assert.equal(settled.kind, 'done')
      else assert.deepEqual([settled.kind, settled.reason], ['failed', settles])
    })
  }

  it('keeps the count of failures of what expires', () => {
    const settled = settledBy(over, { accepted: [pending] })
    assert.ok(typeof settled === 'object')
    assert.equal(settled.failures, 2)
  })

  it('and overtaken is not raised: its limit is looked at again', () => {
    for (const want of [unbegun, over]) {
      const worker = new TestProposer()
      const claiming = worker.claim(task, want)
      for (const voter of ['v0', 'v1']) worker.answer(voter, claiming, { grants: [1, 0] })
      for (const voter of ['v0', 'v1']) {
        const [settling] = claiming.settlings
        assert.ok(settling !== undefined)
        worker.accept(voter, settling.message, { accepted: [], behind: task })
      }
      assert.deepEqual(worker.proposer.retries, [])
      assert.equal(worker.proposer.claims.size, 0)
    }
  })
})
