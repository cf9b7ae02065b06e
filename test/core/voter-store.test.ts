import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { replayVoter } from '../../src/core/recovery.ts'
import { onUnknown, retireLedgers } from '../../src/core/retire.ts'
import {
  fullWaitMs,
  maxLedgersPerProducer,
  onClose,
  onOpen,
  onStore,
} from '../../src/core/voter-store.ts'
import { ballot, chunkOf, infoOf, ledgerId, plainSpec, TestVoter, valuesOf } from './fixtures.ts'

function openWith(voter: TestVoter, change: object, from = 'p') {
  const open = { type: 'open', ...voter.info, ...change } as const
  onOpen(voter.voter, voter.outbox, from, open, voter.now)
  return voter.take()
}

describe('OPEN', () => {
  it('is durable before it is answered', () => {
    const voter = new TestVoter()
    onOpen(voter.voter, voter.outbox, 'p', { type: 'open', ...voter.info }, voter.now)
    const [persisted] = voter.outbox.effects
    const [sent] = voter.take()
    assert.deepEqual(persisted, {
      type: 'persist',
      lsn: 1,
      entry: { type: 'opened', ...voter.info, openedWallMs: voter.now + 1_000_000 },
    })
    assert.deepEqual(sent?.message, { type: 'opened', ledger: ledgerId, epoch: 0 })
    assert.equal(sent?.after, 1)
  })

  it('a second time is answered without a second entry', () => {
    const voter = new TestVoter()
    openWith(voter, {})
    assert.equal(openWith(voter, {})[0]?.message.type, 'opened')
    assert.equal(voter.entries.length, 1)
  })

  const refused = [
    { name: 'by a voter that is not among the voters', change: infoOf(['v1', 'v2', 'v3']) },
    {
      name: 'by a voter whose storage is another one',
      change: { voters: [{ peer: 'v0', storageId: 'before' }] },
    },
  ]
  for (const { name, change } of refused) {
    it(`is refused ${name}`, () => {
      const voter = new TestVoter()
      assert.equal(openWith(voter, change)[0]?.message.type, 'unknown-ledger')
      assert.equal(voter.voter.ledgers.size, 0)
    })
  }

  it('of a known ledger is refused to another producer', () => {
    const voter = TestVoter.holding(0)
    assert.equal(openWith(voter, { producer: 'q.1' }, 'q')[0]?.message.type, 'unknown-ledger')
  })

  it('is refused to a producer with too many ledgers, and only to that one', () => {
    const voter = new TestVoter()
    for (let i = 0; i < maxLedgersPerProducer; i++) {
      const ledger = i.toString(16).padStart(32, '0')
      assert.equal(openWith(voter, { ledger })[0]?.message.type, 'opened')
    }
    const ledger = 'f'.repeat(32)
    assert.equal(openWith(voter, { ledger })[0]?.message.type, 'unknown-ledger')
    assert.equal(openWith(voter, { ledger, producer: 'q.1' }, 'q')[0]?.message.type, 'opened')
  })
})

describe('CLOSE', () => {
  function close(voter: TestVoter, end: number, from = 'p', ledger = ledgerId) {
    onClose(voter.voter, voter.outbox, from, { type: 'close', ledger, epoch: 0, end })
    return voter.take()
  }

  it('is durable, and the highest end counts', () => {
    const voter = TestVoter.holding(2)
    const [sent] = close(voter, 3)
    assert.equal(sent?.message.type, 'closed')
    assert.equal(sent?.after, voter.entries.length)
    close(voter, 2)
    assert.equal(voter.ledger.end, 3)
    assert.deepEqual(voter.entries.at(-1), { type: 'closed', ledger: ledgerId, end: 3 })
    close(voter, 9)
    assert.equal(voter.ledger.end, 9)
  })

  it('below what is held closes the ledger behind that: its producer has an old copy of its disk', () => {
    const voter = TestVoter.holding(7)
    close(voter, 2)
    assert.equal(voter.ledger.end, 7)
    const [sent] = close(voter, 0)
    assert.equal(sent?.message.type, 'closed')
    assert.equal(voter.ledger.end, 7)
  })

  it('of a ledger that never had a task forgets it, also after a restart', () => {
    const voter = TestVoter.holding(0)
    close(voter, 0)
    assert.equal(voter.voter.ledgers.size, 0)
    const again = new TestVoter()
    for (const entry of voter.entries) replayVoter(again.voter, entry, 0, again.now)
    // After a restart it takes the word of all fellows: that which closed it might have been an old copy.
    const unknown = { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 } as const
    for (const peer of ['v1', 'v2']) {
      retireLedgers(again.voter, again.outbox, again.now)
      assert.equal(again.voter.ledgers.size, 1)
      onUnknown(again.voter, again.outbox, peer, `s-${peer}`, unknown, again.now)
    }
    retireLedgers(again.voter, again.outbox, again.now)
    assert.equal(again.voter.ledgers.size, 0)
  })

  it('of somebody who is neither the producer nor a fellow voter is ignored', () => {
    const voter = TestVoter.holding(2)
    assert.deepEqual(close(voter, 2, 'stranger'), [])
    assert.equal(voter.ledger.end, -1)
  })

  it('of a ledger that is not known here says so', () => {
    const voter = TestVoter.holding(0)
    assert.equal(close(voter, 0, 'p', 'c'.repeat(32))[0]?.message.type, 'unknown-ledger')
  })
})

describe('STORE', () => {
  it('is answered with what is stored, once that is durable', () => {
    const voter = TestVoter.holding(0)
    const stored = voter.store(chunkOf(0, ['a', 'b']))
    assert.deepEqual(stored.stored, [0, 2])
    assert.equal(voter.entries.at(-1)?.type, 'stored')
    assert.equal(voter.register(1).state, 1)
  })

  it('again still waits for the entry that holds the record', () => {
    const voter = TestVoter.holding(0)
    const store = { type: 'store', ledger: ledgerId, epoch: 0, fresh: true } as const
    for (let i = 0; i < 2; i++) {
      const message = { ...store, chunks: [chunkOf(0, ['a'])] }
      onStore(voter.voter, voter.outbox, 'p', message, voter.now)
      const [sent] = voter.take()
      assert.equal(sent?.message.type, 'stored')
      assert.equal(sent.after, 2)
    }
    assert.equal(voter.entries[1]?.type, 'stored')
  })

  it('of the same record again changes nothing, and of other bytes is a conflict', () => {
    const voter = TestVoter.holding(0)
    voter.store(chunkOf(0, ['a', 'b']))
    const entries = voter.entries.length
    const again = voter.store(chunkOf(0, ['a', 'x']))
    assert.deepEqual(again.stored, [0, 1])
    assert.deepEqual(again.conflict, [1, 1])
    assert.equal(voter.entries.length, entries)
  })

  it('of the same bytes under another spec is a conflict', () => {
    const voter = TestVoter.holding(0)
    voter.store(chunkOf(0, ['a']))
    const other = { ...plainSpec, attempts: 9 }
    assert.deepEqual(voter.store(chunkOf(0, ['a'], { spec: other })).conflict, [0, 1])
  })

  it('again does not arm a delay again', () => {
    const voter = TestVoter.holding(0)
    voter.store(chunkOf(0, ['a'], { delayMs: 1_000 }))
    voter.wait(1_000)
    voter.store(chunkOf(0, ['a'], { delayMs: 1_000 }))
    assert.deepEqual(voter.claim(ballot(1), [0, 1]).granted, [0, 1])
  })

  it('again does not take a lease away', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.store(chunkOf(0, ['payload 0']), { fresh: false })
    assert.equal(voter.claim(ballot(2, 'x.1'), [0, 1]).refused[0]?.reason, 'held')
  })

  it('again does not lengthen a lease', () => {
    const voter = TestVoter.holding(1)
    const { leaseMs: ms } = voter.claim(ballot(1), [0, 1])
    voter.wait(ms - 1)
    voter.store(chunkOf(0, ['payload 0']), { fresh: false })
    voter.wait(1)
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 1]).granted, [0, 1])
  })

  it('of a settled task says settled', () => {
    const voter = TestVoter.holding(2)
    voter.decide(ballot(1), valuesOf([0, 1], 'done'))
    voter.take()
    const stored = voter.store(chunkOf(0, ['payload 0', 'payload 1']))
    assert.deepEqual(stored.settled, [0, 1])
    assert.deepEqual(stored.stored, [1, 1])
  })

  it('keeps what it lacks between what it has', () => {
    const voter = TestVoter.holding(0)
    voter.store(chunkOf(1, ['b']))
    const stored = voter.store(chunkOf(0, ['a', 'b', 'c']))
    assert.deepEqual(stored.stored, [0, 3])
    assert.deepEqual(voter.ledger.stored, [0, 3])
    assert.equal(voter.ledger.chunks.length, 3)
  })

  it('from the end of a closed ledger on is a conflict', () => {
    const voter = TestVoter.holding(1)
    voter.ledger.end = 1
    const stored = voter.store(chunkOf(0, ['payload 0', 'new']))
    assert.deepEqual(stored.stored, [0, 1])
    assert.deepEqual(stored.conflict, [1, 1])
  })

  it('beyond the budget is full for a first STORE, and taken for any other', () => {
    const voter = TestVoter.holding(0, { maxBytes: 3 })
    voter.store(chunkOf(0, ['ab']))
    const full = voter.store(chunkOf(1, ['cd']))
    assert.deepEqual(full.full, [1, 1])
    assert.equal(full.fullMs, fullWaitMs)
    const again = voter.store(chunkOf(1, ['cd']), { fresh: false })
    assert.deepEqual(again.stored, [1, 1])
    assert.equal(again.fullMs, 0)
  })

  it('gets room when a whole chunk is settled', () => {
    const voter = TestVoter.holding(0, { maxBytes: 4 })
    voter.store(chunkOf(0, ['ab', 'cd']))
    voter.decide(ballot(1), valuesOf([0, 1], 'done'))
    assert.equal(voter.voter.bytes, 4)
    voter.decide(ballot(1), valuesOf([1, 1], 'done'))
    assert.equal(voter.voter.bytes, 0)
  })

  it('for a ledger that was not opened here says so', () => {
    const voter = new TestVoter()
    assert.throws(() => voter.store(chunkOf(0, ['a'])), /0 messages of type stored/)
    const other = TestVoter.holding(0)
    assert.throws(() => other.store(chunkOf(0, ['a']), { epoch: 1 }), /0 messages of type stored/)
  })
})
