import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noneCollected } from '../../src/core/collected.ts'
import type { Entry } from '../../src/core/entries.ts'
import { LossCount } from '../../src/core/losses.ts'
import { ballot, chunkOf, infoOf, ledgerId } from './fixtures.ts'

const mine = 's-v0'
const alone = infoOf(['v0'])
const three = infoOf(['v0', 'v1', 'v2'])

function stored(count: number, ledger = ledgerId): Entry {
  const chunk = chunkOf(
    0,
    Array.from({ length: count }, () => 'x'),
  )
  return { type: 'stored', ledger, dueWallMs: 0, publishedWallMs: 0, chunk }
}

function settled(seqs: readonly number[]): Entry {
  const outcome = { ballot: ballot(1), kind: 'done', seqs, values: [] } as const
  return { type: 'settled', ledger: ledgerId, outcomes: [outcome] }
}

const cases: readonly {
  readonly name: string
  readonly entries: readonly Entry[]
  readonly losses: readonly [tasks: number, results: number, shared: number, unclear?: number]
}[] = [
  { name: 'nothing', entries: [], losses: [0, 0, 0] },
  {
    name: 'open tasks and results that nobody else has',
    entries: [{ type: 'opened', ...alone }, stored(10), settled([0, 4])],
    losses: [6, 4, 0],
  },
  {
    name: 'no result that was not kept any more',
    entries: [
      { type: 'opened', ...alone },
      stored(10),
      settled([0, 4]),
      { type: 'collected', ledger: ledgerId, ...noneCollected(), done: [0, 4] },
    ],
    losses: [6, 0, 0],
  },
  {
    name: 'open tasks that others vote on, apart',
    entries: [{ type: 'opened', ...three }, stored(10), settled([0, 4])],
    losses: [0, 0, 6],
  },
  {
    name: 'tasks of a ledger that has grown, as those of its last voters',
    entries: [
      { type: 'opened', ...alone },
      stored(10),
      { type: 'sealed', ...three, epoch: 1 },
      { type: 'installed', ...three, epoch: 1 },
    ],
    losses: [0, 0, 10],
  },
  {
    name: 'none of what others keep by now, or of what is over',
    entries: [{ type: 'opened', ...alone }, stored(10), { type: 'moved', ...three }],
    losses: [0, 0, 0],
  },
  {
    name: 'tasks of a ledger of which it cannot be known who kept it, apart',
    entries: [stored(10), settled([0, 4])],
    losses: [0, 0, 0, 6],
  },
]

describe('what goes with a storage', () => {
  for (const { name, entries, losses } of cases) {
    it(name, () => {
      const count = new LossCount(mine)
      for (const entry of entries) count.add(entry)
      const [tasks, results, shared, unclear = 0] = losses
      assert.deepEqual(count.losses, { tasks, results, shared, unclear })
    })
  }
})
