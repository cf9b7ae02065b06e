import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Announce, Hint, Taken } from '../../src/core/messages.ts'
import { HintQueue } from '../../src/libp2p/hint-queue.ts'
import { TokenBucket } from '../../src/libp2p/token-bucket.ts'

function announce(ledger: string, round: number): Announce {
  const info = { ledger, epoch: 1, producer: 'p.0', voters: [] }
  return { type: 'announce', info, round, counter: 0, classes: [] }
}

function taken(ledger: string, seqs: number[]): Taken {
  return { type: 'taken', ledger, seqs }
}

function presence(free: number): Hint {
  return { type: 'presence', queues: [], concurrency: 9, free }
}

describe('HintQueue', () => {
  const merges = [
    {
      name: 'an announcement replaces that of the same ledger',
      hints: [announce('a', 1), announce('b', 1), announce('a', 2)],
      left: [announce('a', 2), announce('b', 1)],
    },
    {
      name: 'notices of one ledger are joined',
      hints: [taken('a', [0, 2]), taken('b', [7, 1]), taken('a', [2, 3])],
      left: [taken('a', [0, 5]), taken('b', [7, 1])],
    },
    {
      name: 'the last presence counts',
      hints: [presence(3), announce('a', 1), presence(4)],
      left: [presence(4), announce('a', 1)],
    },
  ]
  for (const { name, hints, left } of merges) {
    test(name, () => {
      const queue = new HintQueue()
      for (const hint of hints) queue.put(hint)
      assert.deepEqual(queue.take(10), left)
      assert.equal(queue.size, 0)
    })
  }

  test('over its limit notices and presence go first, then the oldest announcements', () => {
    const queue = new HintQueue()
    queue.put(announce('oldest', 1))
    queue.put(taken('t', [0, 1]))
    queue.put(presence(1))
    for (let i = 0; queue.dropped < 3; i++) {
      assert.ok(i < 10_000)
      queue.put(announce(`a${i}`, 1))
    }
    const left = queue.take(10_000)
    assert.ok(left.every(({ type }) => type === 'announce'))
    assert.ok(!left.some(hint => hint.type === 'announce' && hint.info.ledger === 'oldest'))
    assert.equal(left.length, 2_048)
  })
})

describe('TokenBucket', () => {
  test('allows a burst, then its rate', () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 3, now: 0 })
    assert.deepEqual(
      [0, 0, 0, 0].map(now => bucket.take(now)),
      [0, 0, 0, 10],
    )
    assert.deepEqual(
      [9, 10, 10, 20].map(now => bucket.take(now)),
      [1, 0, 10, 0],
    )
  })

  test('saves up no more than a burst', () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 2, now: 0 })
    assert.deepEqual(
      [1e9, 1e9, 1e9].map(now => bucket.take(now)),
      [0, 0, 10],
    )
  })
})
