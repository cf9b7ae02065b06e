import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTestCluster, fuzz, runTask, simulate } from '../../src/testing/index.ts'
import { resize } from './tasks.ts'

/** Calls that make no sense, and what they are told. */
const calls: readonly (readonly [name: string, call: () => unknown, told: RegExp])[] = [
  ...inits([
    [{ nodez: 3 }, /createTestCluster knows no nodez; it knows nodes, guests, seed, tasks/],
    [3, /createTestCluster takes an object, not 3/],
    [null, /createTestCluster takes an object, not null/],
    [[], /createTestCluster takes an object, not a list/],
    [{ tasks: 5 }, /tasks must be a list or an object, not 5/],
    [{ tasks: () => 5 }, /tasks must be a list or an object, not 5/],
    [{ nodes: 1.5 }, /nodes must be an integer from 1 to 1000, not 1.5/],
    [{ seed: -1 }, /seed must be an integer from 0 to 9007199254740991, not -1/],
    [{ transport: 'udp' }, /transport must be 'virtual' or 'tcp', not udp/],
    [{ realWorkMs: 'x' }, /realWorkMs must be an integer from 1 to 2147483647, not x/],
    [{ waitMs: Number.NaN }, /waitMs must be an integer from 1 to 9007199254740991, not NaN/],
    [{ faults: 'swarm' }, /faults must be a list such as \['swarm'\], not swarm/],
    [{ without: ['frogs'] }, /without knows no frogs; it knows loss, duplicates/],
    [{ voters: 2 }, /voters must be odd/],
  ]),
  ['fuzz()', () => fuzz(undefined as never, noop), /fuzz takes an object, not undefined/],
  ['fuzz without a scenario', () => fuzz({}, undefined as never), /fuzz needs a scenario/],
  [
    'fuzz on sockets',
    () => fuzz({ transport: 'tcp' } as never, noop),
    /fuzz knows no transport; it knows nodes/,
  ],
  ['fuzz without runs', () => fuzz({ runs: 0 }, noop), /runs must be an integer from 1 to 1000000/],
  ['simulate of 0', () => simulate({ nodes: 0 }), /nodes must be an integer from 1 to 1000, not 0/],
  ['simulate of 1.5', () => simulate({ nodes: 1.5 }), /nodes must be an integer .* not 1.5/],
  [
    'simulate with frogs',
    () => simulate({ faults: ['frogs' as never] }),
    /faults knows no frogs; it knows swarm/,
  ],
  [
    'simulate knows no ms',
    () => simulate({ ms: 5 } as never),
    /simulate knows no ms; it knows seed/,
  ],
  [
    'runTask by name',
    () => runTask('resize' as never, {}),
    /runTask takes what defineTask has made, not resize/,
  ],
  [
    'runTask with a signal misspelt',
    () => runTask(resize, { path: 'a', width: 1 }, { signl: 1 } as never),
    /runTask knows no signl; it knows signal, token/,
  ],
]

describe('an argument that makes no sense', () => {
  for (const [name, call, told] of calls) {
    test(`is refused with what would: ${name}`, async () => {
      await assert.rejects(async () => call(), { name: 'InvalidParametersError', message: told })
    })
  }

  test('is refused in what is asserted, too', async () => {
    for (const transport of ['virtual', 'tcp'] as const) {
      await using c = await createTestCluster({ nodes: 1, tasks: [resize], transport })
      const work = c.node(0).publish(resize, { path: 'a', width: 1 })
      const refused = (given: unknown, message: RegExp): void => {
        const error = { name: 'InvalidParametersError', message }
        assert.throws(() => c.assertCompleted(given as never), error)
      }
      refused([work], /takes handles, not promises; await them/)
      refused(await work, /takes a list of handles, such as/)
      refused([await work, undefined], /takes handles, or objects with the id of a task/)
    }
  })
})

async function noop(): Promise<void> {}

function inits(all: readonly (readonly [unknown, RegExp])[]): (typeof calls)[number][] {
  return all.map(([init, told]) => [
    `createTestCluster(${JSON.stringify(init)})`,
    () => createTestCluster(init as never),
    told,
  ])
}
