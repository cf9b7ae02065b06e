import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import * as fc from 'fast-check'
import { noBallot, sameBallot } from '../../src/core/ballot.ts'
import { nodeId, parseTaskId, peerOf, taskId } from '../../src/core/ids.ts'
import { invariant } from '../../src/core/invariant.ts'
import { bitsIn, majorityOf, voterIndex } from '../../src/core/quorum.ts'
import { hashText, mix, nextFraction, nextId, randomFrom } from '../../src/core/random.ts'
import { ballot, infoOf, ledgerId } from './fixtures.ts'

describe('ids', () => {
  it('a node is a process start of a peer', () => {
    assert.equal(peerOf(nodeId('12D3.Koo', 'ff')), '12D3.Koo')
    assert.equal(peerOf('bare'), 'bare')
  })

  it('a task id names its ledger and number, and comes back from its text', () => {
    fc.assert(
      fc.property(fc.nat(), seq => {
        assert.deepEqual(parseTaskId(taskId(ledgerId, seq)), { ledger: ledgerId, seq })
      }),
    )
  })

  for (const text of ['', ledgerId, `${ledgerId}-`, `${ledgerId}-01`, `${ledgerId}-1x`, 'AB-1']) {
    it(`${JSON.stringify(text)} is no task id`, () => assert.equal(parseTaskId(text), undefined))
  }
})

test('ballots are the same by counter and proposer', () => {
  assert.ok(sameBallot(ballot(1, 'a'), ballot(1, 'a')))
  assert.ok(!sameBallot(ballot(1, 'a'), ballot(1, 'b')))
  assert.ok(!sameBallot(ballot(1, 'a'), ballot(2, 'a')))
  assert.equal(noBallot.counter, 0)
})

describe('quorums', () => {
  it('two majorities of the same voters share one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.nat(), fc.nat(), (voters, a, b) => {
        const all = (1 << voters) - 1
        const one = a & all
        const other = b & all
        fc.pre(bitsIn(one) >= majorityOf(voters) && bitsIn(other) >= majorityOf(voters))
        assert.notEqual(one & other, 0)
      }),
    )
  })

  it('a majority is the smallest number of voters that is more than half', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 7].map(majorityOf), [1, 2, 2, 3, 3, 4])
  })

  it('a voter has its place in the list, and who is no voter has none', () => {
    const info = infoOf(['a', 'b', 'c'])
    assert.deepEqual(
      ['a', 'c', 'x'].map(peer => voterIndex(info, peer)),
      [0, 2, -1],
    )
  })
})

describe('randomness', () => {
  it('follows from the seed alone', () => {
    const draw = (seed: number) => {
      const random = randomFrom([seed, 2, 3, 4])
      return [nextId(random), nextFraction(random)]
    }
    assert.deepEqual(draw(1), draw(1))
    assert.notDeepEqual(draw(1), draw(2))
    assert.match(String(draw(1)[0]), /^[0-9a-f]{32}$/)
  })

  it('fractions lie in [0, 1)', () => {
    const random = randomFrom([9, 9, 9, 9])
    for (let i = 0; i < 1_000; i++) {
      const fraction = nextFraction(random)
      assert.ok(fraction >= 0 && fraction < 1)
    }
  })

  it('hashes are 32 bits, and differ for neighbours', () => {
    assert.notEqual(hashText('n1'), hashText('n2'))
    assert.notEqual(mix(1, 2), mix(2, 1))
    assert.ok(mix(2 ** 32 - 1, 2 ** 32 - 1) >= 0)
  })
})

test('a broken invariant is an error with a name', () => {
  invariant(true, 'fine')
  assert.throws(() => invariant(false, 'two is odd'), {
    name: 'InvariantError',
    message: 'Invariant broken: two is odd',
  })
})
