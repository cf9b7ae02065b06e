import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CollectedTasks } from '../../src/core/collected.ts'
import { onInvite } from '../../src/core/copying.ts'
import { observe, onInstall } from '../../src/core/join.ts'
import { stateAt } from '../../src/core/ledger.ts'
import type { Compare, Message } from '../../src/core/messages.ts'
import type { Ranges } from '../../src/core/ranges.ts'
import { checkpointVoter } from '../../src/core/checkpoint.ts'
import { recoverVoter, replayVoter } from '../../src/core/recovery.ts'
import { DONE, OPEN } from '../../src/core/registers.ts'
import { collectDue, keepMs } from '../../src/core/retention.ts'
import { onCollected, onUnknown, retireLedgers } from '../../src/core/retire.ts'
import { compareWith, onCompare, onFetch } from '../../src/core/voter-compare.ts'
import { onObserve, onSeal } from '../../src/core/voter-seal.ts'
import { onClose, onOpen } from '../../src/core/voter-store.ts'
import { ballot, chunkOf, infoOf, ledgerId, plainSpec, TestVoter, valuesOf } from './fixtures.ts'
import { noMembers } from './peers.ts'

const ttlMs = plainSpec.resultTtlMs

function settle(voter: TestVoter, seqs: Ranges, kind: 'done' | 'failed' | 'cancelled'): void {
  const asked = ballot(voter.ledger.counter + 1)
  const values = valuesOf(seqs, kind, '', kind === 'failed' ? { reason: 'attempts' } : {})
  voter.settle(asked, [values])
  voter.decide(asked, values)
  voter.take()
}

function close(voter: TestVoter, end: number): void {
  const message = { type: 'close', ledger: ledgerId, epoch: 0, end } as const
  onClose(voter.voter, voter.outbox, 'p', message)
  voter.take()
}

/** Lets time pass, with all that it brings about. Returns what was retired. */
function pass(voter: TestVoter, ms: number): string[] {
  voter.now += ms
  collectDue(voter.voter, voter.outbox, voter.now)
  const retired = retireLedgers(voter.voter, voter.outbox, voter.now)
  voter.take()
  return retired
}

/** A voter whose ledger of four tasks is closed, settled and collected. */
function retired(): TestVoter {
  const voter = TestVoter.holding(4)
  settle(voter, [0, 3], 'done')
  settle(voter, [3, 1], 'cancelled')
  close(voter, 4)
  assert.deepEqual(pass(voter, ttlMs * 2), [ledgerId])
  return voter
}

/** What a fellow voter is told that compares what it holds. */
function compared(voter: TestVoter, theirs: Partial<Compare> = {}): Message[] {
  const base = { type: 'compare', ledger: ledgerId, epoch: 0, counter: 0, end: -1 } as const
  const compare: Compare = { ...base, stored: [], settled: [], ...theirs }
  onCompare(voter.voter, voter.outbox, 'v1', compare, voter.now)
  return voter.take().map(({ message }) => message)
}

const over: CollectedTasks = {
  type: 'collected',
  ledger: ledgerId,
  epoch: 0,
  end: 4,
  done: [0, 3],
  failed: [],
  cancelled: [3, 1],
  forgotten: [],
}

describe('a ledger that is closed', () => {
  it('is retired when all of its tasks are collected, and nothing else is left', () => {
    const { voter, entries } = retired()
    assert.equal(voter.ledgers.size, 0)
    assert.equal(voter.bytes, 0)
    const [entry, ...more] = [...checkpointVoter(voter, 0)]
    assert.deepEqual([entry?.type, more], ['retired', []])
    assert.equal(entries.at(-1)?.type, 'retired')
  })

  it('stays while one of its tasks is open, missing, or kept', () => {
    const open = TestVoter.holding(4)
    settle(open, [0, 3], 'done')
    close(open, 4)
    assert.deepEqual(pass(open, keepMs * 2), [])
    const missing = TestVoter.holding(3)
    settle(missing, [0, 3], 'done')
    close(missing, 4)
    assert.deepEqual(pass(missing, keepMs * 2), [])
    const kept = TestVoter.holding(4)
    settle(kept, [0, 4], 'failed')
    close(kept, 4)
    assert.deepEqual(pass(kept, keepMs - 1), [])
  })

  it('stays while a task is open behind the end that an old copy of its producer names', () => {
    const voter = TestVoter.holding(4)
    settle(voter, [0, 2], 'done')
    close(voter, 2)
    assert.deepEqual(pass(voter, keepMs * 2), [])
    // A voter that has closed it at a lower number before, and one of a version that did.
    voter.ledger.end = 2
    assert.deepEqual(pass(voter, keepMs * 2), [])
    assert.equal(stateAt(voter.ledger, 3), OPEN)
  })

  it('and retired is remembered for a while, through a restart', () => {
    const voter = retired()
    const again = new TestVoter()
    again.now = voter.now + 1_000
    for (const entry of voter.entries) replayVoter(again.voter, entry, 0, again.now)
    recoverVoter(again.voter, 'v0.2', true, again.now)
    assert.equal(again.voter.ledgers.size, 0)
    pass(again, keepMs - 1_001)
    assert.equal(again.voter.retention.retired.size, 1)
    pass(again, 1)
    assert.equal(again.voter.retention.retired.size, 0)
  })

  it('and retired never begins anew: its votes were counted', () => {
    const voter = retired()
    const open = { type: 'open', ...voter.info } as const
    onOpen(voter.voter, voter.outbox, 'p', open, voter.now)
    assert.equal(voter.take()[0]?.message.type, 'unknown-ledger')
    assert.equal(voter.voter.ledgers.size, 0)
  })

  it('and retired says how its tasks ended, if that takes few words', () => {
    const voter = new TestVoter({ pageTasks: 64 })
    voter.open()
    voter.store(chunkOf(0, Array<string>(64).fill('')))
    for (let seq = 0; seq < 64; seq++) settle(voter, [seq, 1], seq % 2 === 0 ? 'done' : 'cancelled')
    close(voter, 64)
    assert.deepEqual(pass(voter, ttlMs * 2), [ledgerId])
    assert.deepEqual(compared(voter), [
      { ...over, end: 64, done: [], cancelled: [], forgotten: [0, 64] },
    ])
  })
})

describe('COMPARE', () => {
  it('of a ledger that is retired is told how all has ended', () => {
    assert.deepEqual(compared(retired()), [over])
  })

  it('of a ledger that is not known is told so', () => {
    const voter = new TestVoter()
    assert.deepEqual(compared(voter), [{ type: 'unknown-ledger', ledger: ledgerId, epoch: 0 }])
  })

  it('is told what is collected, and what is settled by its ballot', () => {
    const voter = TestVoter.holding(4)
    settle(voter, [0, 2], 'done')
    pass(voter, ttlMs * 2)
    settle(voter, [2, 1], 'done')
    const told = compared(voter, { stored: [0, 4], settled: [0, 1] })
    assert.deepEqual(
      told.map(({ type }) => type),
      ['collected', 'decided'],
    )
    assert.ok(told[0]?.type === 'collected' && told[1]?.type === 'decided')
    assert.deepEqual([told[0].done, told[0].end], [[1, 1], -1])
    assert.deepEqual(told[1].outcomes[0]?.seqs, [2, 1])
  })

  it('is told what is collected where its outcome is asked for', () => {
    const voter = TestVoter.holding(1)
    settle(voter, [0, 1], 'done')
    pass(voter, ttlMs * 2)
    const fetch = { type: 'fetch', ledger: ledgerId, epoch: 0, what: 'outcomes' } as const
    onFetch(voter.voter, voter.outbox, 'v1', { ...fetch, seqs: [0, 1] }, voter.now)
    const [told] = voter.take().map(({ message }) => message)
    assert.ok(told?.type === 'collected')
    assert.deepEqual(told.done, [0, 1])
  })
})

describe('COLLECTED', () => {
  /** A voter that was away while others have settled and collected its four tasks. */
  function late(): TestVoter {
    const voter = TestVoter.holding(4)
    voter.claim(ballot(3), [0, 1])
    voter.settle(ballot(5, 'x.1'), [valuesOf([1, 1], 'done', 'mine')])
    return voter
  }

  it('settles what is open: nobody may run it any more, and its holder is told', () => {
    const voter = late()
    onCollected(voter.voter, voter.outbox, 'v1', over)
    const lost = voter.take().find(({ message }) => message.type === 'lost')
    assert.equal(lost?.to, 'w')
    assert.deepEqual(voter.claim(ballot(900), [0, 4]).refused[0]?.reason, 'settled')
    assert.deepEqual(voter.ledger.collected.done, [0, 3])
    assert.equal(voter.voter.bytes, 0)
    assert.equal(voter.ledger.end, 4)
    assert.deepEqual(pass(voter, 0), [ledgerId])
  })

  it('is written down', () => {
    const voter = late()
    onCollected(voter.voter, voter.outbox, 'v1', over)
    voter.take()
    const again = new TestVoter()
    again.now = voter.now
    for (const entry of voter.entries) replayVoter(again.voter, entry, 0, again.now)
    assert.deepEqual(again.ledger.collected, voter.ledger.collected)
    assert.equal(stateAt(again.ledger, 0), DONE)
    assert.equal(again.voter.bytes, 0)
    assert.equal(again.voter.leases.byId.size, 0)
  })

  it('changes nothing of what is settled here', () => {
    const voter = TestVoter.holding(4)
    settle(voter, [0, 4], 'done')
    onCollected(voter.voter, voter.outbox, 'v1', { ...over, end: -1, cancelled: [0, 4], done: [] })
    assert.deepEqual(voter.ledger.collected.cancelled, [])
    assert.equal(stateAt(voter.ledger, 0), DONE)
  })

  it('is not believed of whoever does not vote', () => {
    const voter = late()
    onCollected(voter.voter, voter.outbox, 'stranger', over)
    assert.deepEqual(voter.ledger.settled, [])
  })

  it('settles tasks that this voter has never heard of', () => {
    const voter = TestVoter.holding(1)
    onCollected(voter.voter, voter.outbox, 'v1', { ...over, end: -1 })
    voter.take()
    const stored = voter.store(chunkOf(1, ['late']))
    assert.deepEqual([stored.settled, stored.stored], [[1, 1], []])
  })
})

describe('whoever wants other voters for a ledger of which nothing is left', () => {
  const { ledger, producer, voters } = new TestVoter().info
  const of = { ledger, epoch: 0 }
  const asked = { from: 0, to: 2 ** 31, stored: [], settled: [] }
  const up = new Set(['v0', 'v1'])
  const cases: { name: string; ask: (voter: TestVoter) => void }[] = [
    {
      name: 'INVITE',
      ask: ({ voter, outbox, now }) =>
        onInvite(
          voter,
          outbox,
          noMembers(),
          'v1',
          { type: 'invite', ...of, producer, voters, standing: false },
          now,
        ),
    },
    {
      name: 'OBSERVE',
      ask: ({ voter, outbox, now }) =>
        onObserve(voter, outbox, 'v1', { type: 'observe', ...of, ...asked }, now),
    },
    {
      name: 'SEAL',
      ask: ({ voter, outbox, now }) =>
        onSeal(voter, outbox, 'v1', { type: 'seal', ...of, ...asked, voters }, now),
    },
    {
      name: 'INSTALL',
      ask: ({ voter, outbox, now }) => {
        const install = { type: 'install', ...of, epoch: 1, producer, voters } as const
        onInstall(voter, outbox, up, 'v1', { ...install, before: voters, end: 4 }, now)
      },
    },
  ]
  for (const { name, ask } of cases) {
    it(`is told so when it says ${name}`, () => {
      const voter = retired()
      const before = voter.entries.length
      ask(voter)
      assert.deepEqual(
        voter.take().map(({ message }) => message.type),
        ['collected'],
      )
      assert.equal(voter.entries.length, before)
    })
  }
})

describe('UNKNOWN LEDGER', () => {
  const unknown = { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 } as const
  const hear = (voter: TestVoter, from: string, storageId = `s-${from}`): void => {
    onUnknown(voter.voter, voter.outbox, from, storageId, unknown, voter.now)
    voter.take()
  }

  it('of a majority, long after it was opened, makes a late holder give a ledger up', () => {
    const voter = TestVoter.holding(4)
    voter.claim(ballot(3), [0, 1])
    voter.now += keepMs
    hear(voter, 'v1')
    assert.equal(voter.voter.ledgers.size, 1)
    hear(voter, 'v2')
    assert.equal(voter.voter.ledgers.size, 0)
    assert.equal(voter.voter.leases.byId.size, 0)
    assert.equal(voter.voter.bytes, 0)
    assert.deepEqual(voter.voter.retention.retired.get(ledgerId)?.end, 4)
  })

  // Seed 9974613: of three voters two were old copies of their disks, and the one that kept a copy took what was
  // open for settled.
  it('of a majority makes who keeps a copy give it up only as long after it has begun to', () => {
    const voter = new TestVoter()
    voter.now += 2 * keepMs
    const info = infoOf(['v1', 'v2', 'v3'])
    observe(voter.voter, voter.outbox, info, voter.now)
    voter.take()
    const again = new TestVoter()
    again.now = voter.now + 1_000
    for (const entry of voter.entries) replayVoter(again.voter, entry, 0, again.now)
    for (const held of [voter, again]) {
      held.now += keepMs - 1
      for (const from of ['v1', 'v2']) hear(held, from)
      assert.equal(held.voter.ledgers.size, 1)
      held.now += 1
      hear(held, 'v1')
      assert.equal(held.voter.ledgers.size, 0)
    }
  })

  it('counts once per voter, and only from the very storage that has voted', () => {
    const voter = TestVoter.holding(4)
    voter.now += keepMs
    hear(voter, 'v1')
    hear(voter, 'v1')
    hear(voter, 'v2', 'another')
    hear(voter, 'stranger')
    assert.equal(voter.voter.ledgers.size, 1)
  })

  it('is taken back by a voter that compares the ledger', () => {
    const voter = TestVoter.holding(4)
    voter.now += keepMs
    hear(voter, 'v1')
    compared(voter)
    hear(voter, 'v2')
    assert.equal(voter.voter.ledgers.size, 1)
  })

  it('means nothing of a ledger that may just be about to be opened there', () => {
    const voter = TestVoter.holding(4)
    voter.now += keepMs - 1
    hear(voter, 'v1')
    hear(voter, 'v2')
    assert.equal(voter.voter.ledgers.size, 1)
  })
})

it('a voter that was away for any time learns what was settled, and what was collected', () => {
  const here = TestVoter.holding(8)
  settle(here, [0, 3], 'done')
  settle(here, [3, 1], 'failed')
  pass(here, ttlMs * 2)
  settle(here, [4, 2], 'done')
  const away = TestVoter.holding(8, { peer: 'v1' })
  away.now = here.now
  compareWith(away.outbox, away.ledger, 'v0')
  const [compare] = away.take().map(({ message }) => message)
  assert.ok(compare?.type === 'compare')
  onCompare(here.voter, here.outbox, 'v1', compare, here.now)
  for (const { message } of here.take()) {
    if (message.type === 'collected') onCollected(away.voter, away.outbox, 'v0', message)
    if (message.type !== 'decided') continue
    for (const { seqs } of message.outcomes) {
      const fetch = { type: 'fetch', ledger: ledgerId, epoch: 0, what: 'outcomes', seqs } as const
      onFetch(here.voter, here.outbox, 'v1', fetch, here.now)
    }
    for (const { message: told } of here.take()) {
      if (told.type !== 'decided') continue
      for (const { ballot: by, values } of told.outcomes) {
        for (const value of values) away.decide(by, value, 'v0')
      }
    }
  }
  assert.deepEqual(away.ledger.settled, here.ledger.settled)
  assert.deepEqual(away.ledger.collected, here.ledger.collected)
})
