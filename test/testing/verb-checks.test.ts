import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestCluster, type TestCluster } from '../../src/testing/index.ts'

type Call = (c: TestCluster, wrong: never) => unknown

const verbs: Record<string, Call> = {
  node: (c, wrong) => c.node(wrong),
  advance: (c, wrong) => c.advance(wrong),
  sleep: (c, wrong) => c.sleep(wrong),
  settle: (c, wrong) => c.settle(wrong),
  loss: (c, wrong) => c.loss(wrong),
  latency: (c, wrong) => c.latency(wrong),
  hold: (c, wrong) => c.hold(wrong),
  crash: (c, wrong) => c.crash(wrong),
  'crash 1': (c, wrong) => c.crash(1, wrong),
  restart: (c, wrong) => c.restart(wrong),
  loseDisk: (c, wrong) => c.loseDisk(wrong),
  pause: (c, wrong) => c.pause(wrong),
  'pause 0': (c, wrong) => c.pause(0, wrong),
  resume: (c, wrong) => c.resume(wrong),
  skew: (c, wrong) => c.skew(wrong, 1),
  'skew 0': (c, wrong) => c.skew(0, wrong),
  assertCompleted: (c, wrong) => c.assertCompleted(wrong),
}

const ms = (verb: string, given: string): string =>
  `${verb} takes milliseconds, a number from 0 to 315360000000; not ${given}`

const cases: [verb: string, given: unknown, message: string][] = [
  ['node', 2, 'There is no node 2; the last is 1'],
  ['node', -1, 'There is no node -1; the last is 1'],
  ['node', '0', 'A node is named by its index, an integer from 0 to 1; not "0"'],
  ['node', undefined, 'A node is named by its index, an integer from 0 to 1; not undefined'],
  ['advance', Number.NaN, ms('advance', 'NaN')],
  ['advance', undefined, ms('advance', 'undefined')],
  ['advance', '5', ms('advance', '"5"')],
  ['advance', -1, ms('advance', '-1')],
  ['advance', Infinity, ms('advance', 'Infinity')],
  ['sleep', Number.NaN, ms('sleep', 'NaN')],
  ['settle', 5, 'settle takes options such as { limitMs: … }; not 5'],
  ['settle', null, 'settle takes options such as { limitMs: … }; not null'],
  ['settle', { limit: 1 }, 'settle knows no limit; it knows limitMs'],
  ['settle', { limitMs: Number.NaN }, ms('settle: limitMs', 'NaN')],
  ['loss', 30, 'loss takes a share, a number from 0 to 1, such as 0.3 for 30 %; not 30'],
  ['loss', Number.NaN, 'loss takes a share, a number from 0 to 1, such as 0.3 for 30 %; not NaN'],
  ...[-5, Number.NaN, 'x', Infinity, undefined, [9, 1], [1], [1, 2, 3]].map(
    (given): [string, unknown, string] => [
      'latency',
      given,
      `latency takes milliseconds from 0 on, or [least, most] such as [5, 80]; not ${
        typeof given === 'number' ? given : JSON.stringify(given)
      }`,
    ],
  ),
  ['hold', 'settle', 'hold takes options such as { from: … }; not "settle"'],
  ['hold', { kind: 'settle' }, 'hold knows no kind; it knows from, to, type'],
  ['hold', { from: 9 }, 'There is no node 9; the last is 1'],
  ['crash', 9, 'There is no node 9; the last is 1'],
  ['crash 1', true, 'crash takes options such as { power: … }; not true'],
  ['crash 1', null, 'crash takes options such as { power: … }; not null'],
  ['crash 1', { power: 1 }, 'crash takes power: true or false; not 1'],
  ['restart', 9, 'There is no node 9; the last is 1'],
  ['loseDisk', 9, 'There is no node 9; the last is 1'],
  ['pause', 9, 'There is no node 9; the last is 1'],
  [
    'pause 0',
    Number.NaN,
    'pause takes milliseconds, a number from 0 to 315360000000; leave it out to pause until ' +
      'resume or heal; not NaN',
  ],
  ['resume', 9, 'There is no node 9; the last is 1'],
  ['skew', 9, 'There is no node 9; the last is 1'],
  ...['x', undefined, Infinity].map((given): [string, unknown, string] => [
    'skew 0',
    given,
    'skew takes milliseconds ahead, a number from -315360000000 to 315360000000; not ' +
      (typeof given === 'string' ? `"${given}"` : String(given)),
  ]),
  [
    'assertCompleted',
    { id: 'x' },
    'assertCompleted takes a list of handles, such as [handle]; not {"id":"x"}',
  ],
  [
    'assertCompleted',
    [Promise.resolve()],
    'assertCompleted takes handles, not promises; await them',
  ],
  [
    'assertCompleted',
    [5],
    'assertCompleted takes handles, or objects with the id of a task; not 5',
  ],
]

describe('a verb says what it takes, in one line, when it is given', () => {
  let c: TestCluster
  before(async () => {
    c = await createTestCluster({ nodes: 2, seed: 1 })
  })
  after(() => c.stop())

  for (const [verb, given, message] of cases) {
    test(`${verb}: ${JSON.stringify(given) ?? 'undefined'} (${String(given)})`, async () => {
      const call = async (): Promise<unknown> => verbs[verb]?.(c, given as never)
      await assert.rejects(call, { name: 'InvalidParametersError', message })
    })
  }

  test('hold: a type that no message has', () => {
    assert.throws(
      () => c.hold({ type: 'setle' as never }),
      /^InvalidParametersError: hold takes the type of a message, one of hello, .*unknown-ledger, .*settle.*; not "setle"$/,
    )
  })

  test('partition: what are no groups, or groups that have a node in common', async () => {
    const wrong = c as unknown as { partition: (...told: unknown[]) => void }
    const groups =
      'partition takes a list of nodes for each side, such as partition([0, 1], [2]); not'
    const told: [unknown[], string][] = [
      [[], `${groups} []`],
      [[[[0], [1]]], `${groups} [[[0],[1]]]`],
      [[0, 1], `${groups} [0,1]`],
      [[[0], [2]], 'There is no node 2; the last is 1'],
      [[[0, 1], [1]], 'partition names node 1 twice; it is on one side only'],
    ]
    for (const [args, message] of told) {
      assert.throws(() => wrong.partition(...args), { name: 'InvalidParametersError', message })
    }
    await c.node(0).ready({ peers: 1 })
  })

  test('and after all that the cluster is as it was', async () => {
    await c.advance(0.5)
    c.partition([0, 1], [])
    c.latency([5, 5])
    c.pause(1, Infinity)
    c.heal()
    await c.settle({ limitMs: undefined })
  })
})
