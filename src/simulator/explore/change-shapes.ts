import type { Message } from '../../core/messages.ts'
import { canceller, newcomer, type Shape, voter, worker } from './plan.ts'

/** What votes and the way to other voters need; the rest is lost, as a network may do. */
const moves: readonly Message['type'][] = [
  'claim',
  'claimed',
  'settle',
  'accepted',
  'install',
  'seal',
  'state',
  'moved',
]

const elections: readonly Message['type'][] = ['elect', 'elected']

const second = { counter: 1 } as const
const cancelNext = { intent: 'cancel', first: 0, count: 1, epoch: 1 } as const

function shape(
  name: string,
  about: string,
  nodes: Shape['nodes'],
  next: Shape['next'],
  more: Partial<Shape> = {},
): Shape {
  return {
    name,
    about,
    tasks: 1,
    attempts: 1,
    maxDeliveries: 5,
    nodes,
    begins: [],
    next,
    then: [],
    epoch: 0,
    before: [],
    looks: false,
    carries: moves,
    repeats: moves,
    leases: false,
    order: false,
    quick: false,
    maxStates: 6_000_000,
    ...more,
  }
}

/** The worker has won its claim and has a result; nobody has been told of it yet. */
const hasRun = [
  'w0: open 0',
  'v0 < w0 claim',
  'v1 < w0 claim',
  'w0 < v0 claimed',
  'w0 < v1 claimed',
  'w0: end 1 done',
]

/** The same, and somebody has promises of the two other voters for a cancel. */
const isOvertaken = [
  ...hasRun,
  'c0: open 0',
  'v1 < c0 claim',
  'v2 < c0 claim',
  'c0 < v1 claimed',
  'c0 < v2 claimed',
]

/** Two of the voters have sealed their epoch and begun the next one. */
const haveFollowed = [
  'v0: drive',
  'v1 < v0 install',
  'v0 < v1 seal',
  'v1 < v0 state',
  'v1 < v0 seal',
  'v0 < v1 state',
]

/**
 * The first voter has a majority's promise for the voters that it wants, the second one tries again: what the
 * third one gets first decides. What is late already has arrived.
 */
const areRacing = [
  'v1: elect 0',
  'v0: elect 0',
  'v2 < v0 elect',
  'v0 < v2 elected',
  'v2 < v1 elect',
  'v1 < v2 elected',
  'v0 < v1 elect',
  'v1 < v0 elect',
  'v0 < v1 elected',
  'v1: again',
  'v1 < v0 elect',
]

/** Two voters that each want to keep the ledger alone, and a third one. */
const rivals = [
  voter('v0', { elects: [['v0']], electBallots: 1 }),
  voter('v1', { elects: [['v1']], electBallots: 2 }),
  voter('v2'),
]

const driver = voter('v0', { drives: 0 })
const three = [driver, voter('v1'), voter('v2')]

/** Small clusters whose ledger gets other voters. */
export const changeShapes: readonly Shape[] = [
  shape(
    'race',
    'Two voters want different successors; one has to try again.',
    [
      voter('v0', { elects: [['v0', 'v1', 'v3']], electBallots: 1 }),
      voter('v1', { elects: [['v1', 'v2', 'v4']], electBallots: 2 }),
      voter('v2'),
    ],
    [],
    { carries: elections, quick: true },
  ),
  shape(
    'race-checkpoint',
    'A voter of a later epoch starts again from a checkpoint while two others want different successors.',
    [
      voter('v0', { elects: [['v0', 'v1', 'v3']], electBallots: 1 }),
      voter('v1', { elects: [['v1', 'v2', 'v4']], electBallots: 2 }),
      voter('v2', { checkpoints: true, crashes: 1 }),
    ],
    ['v0', 'v1', 'v2'],
    {
      epoch: 1,
      before: ['v0: elect 0', 'v2 < v0 elect'],
      carries: [...elections, 'hello'],
      repeats: elections,
      quick: true,
    },
  ),
  shape(
    'race-settle',
    'Two voters race to have successors of their own take up their office, while a result is settled.',
    [...rivals, worker('w0')],
    [],
    { before: [...hasRun, ...areRacing], carries: [...moves, ...elections], repeats: [] },
  ),
  shape(
    'race-cancel',
    'The same, while a cancel overtakes a result: one voter has accepted each, the third one decides.',
    [...rivals, worker('w0'), canceller('c0', second)],
    [],
    {
      before: [
        ...isOvertaken,
        'v0 < w0 settle',
        'v1 < w0 settle',
        'v2 < w0 settle',
        'v1 < c0 settle',
        'v0 < c0 claim',
        ...areRacing,
      ],
      carries: [...moves, ...elections],
      repeats: [],
    },
  ),
  shape(
    'race-replace',
    'Two voters race to have one of the others replaced, while a result is settled.',
    [
      voter('v0', { elects: [['v0', 'v1', 'v3']], electBallots: 1 }),
      voter('v1', { elects: [['v1', 'v2', 'v3']], electBallots: 2 }),
      voter('v2'),
      newcomer('v3'),
      worker('w0'),
    ],
    [],
    { before: [...hasRun, ...areRacing], carries: [...moves, ...elections], repeats: [] },
  ),
  shape(
    'replace-one-claim',
    'One of three voters is replaced while a task is claimed.',
    [...three, newcomer('v3'), worker('w0')],
    ['v0', 'v1', 'v3'],
  ),
  shape(
    'replace-one-settle',
    'One of three voters is replaced while a result is settled.',
    [...three, newcomer('v3'), worker('w0')],
    ['v0', 'v1', 'v3'],
    { before: hasRun },
  ),
  shape(
    'replace-one-cancel',
    'One of three voters is replaced while a cancel overtakes a result.',
    [...three, newcomer('v3'), worker('w0'), canceller('c0', second)],
    ['v0', 'v1', 'v3'],
    { before: isOvertaken },
  ),
  shape(
    'replace-one-minority',
    'One voter has accepted what a cancel has overtaken, when others take its word for it.',
    [...three, newcomer('v3'), worker('w0'), canceller('c0', second)],
    ['v0', 'v1', 'v3'],
    {
      before: [...isOvertaken, 'v0 < w0 settle', ...haveFollowed],
      repeats: [],
    },
  ),
  shape(
    'replace-one-finish',
    'A new voter finishes what it has been told; a cancel was decided after another outcome failed.',
    [
      ...three,
      newcomer('v3', { finishes: true, ballots: 1 }),
      worker('w0'),
      canceller('c0', second),
    ],
    ['v0', 'v1', 'v3'],
    {
      before: [...isOvertaken, 'v0 < w0 settle', 'v1 < c0 settle', 'v2 < c0 settle', 'v0: drive'],
      repeats: [],
    },
  ),
  shape(
    'replace-two-settle',
    'Two of three voters are replaced while a result is settled.',
    [...three, newcomer('v3'), newcomer('v4'), worker('w0')],
    ['v0', 'v3', 'v4'],
    { before: hasRun },
  ),
  shape(
    'replace-two-copy',
    'Two of three voters are replaced; the second one copies what the first one holds.',
    [...three, newcomer('v3'), newcomer('v4'), worker('w0')],
    ['v0', 'v3', 'v4'],
    { before: [...hasRun, 'v0: drive'], looks: true, repeats: [] },
  ),
  shape(
    'grow',
    'One voter becomes three while a task runs and is cancelled.',
    [
      driver,
      newcomer('v1'),
      newcomer('v2'),
      worker('w0'),
      canceller('c0', { ...second, opens: [cancelNext] }),
    ],
    ['v0', 'v1', 'v2'],
    { quick: true, repeats: [] },
  ),
  shape(
    'shrink-settle',
    'Three voters become one while a result is settled.',
    [...three, worker('w0')],
    ['v0'],
    { before: hasRun, quick: true },
  ),
  shape(
    'shrink',
    'Three voters become one while a task runs and is cancelled.',
    [...three, worker('w0'), canceller('c0', second)],
    ['v0'],
    { repeats: [] },
  ),
  shape(
    'twice',
    'A new voter asks about an epoch that is over, and is to vote in the one after the next, while a result is settled.',
    [driver, voter('v1', { drives: 1 }), voter('v2'), newcomer('v3'), worker('w0')],
    ['v0', 'v1', 'v3'],
    {
      then: ['v0', 'v2', 'v3'],
      before: [
        ...hasRun,
        ...haveFollowed,
        'v3 < v0 install',
        'v0 < v3 seal',
        'v1 < v3 seal',
        'v1: drive',
      ],
      repeats: [],
    },
  ),
  shape(
    'seal-crash',
    'A voter crashes while it seals, and may lose what was not durable.',
    [driver, voter('v1'), voter('v2', { syncs: true, crashes: 1 }), newcomer('v3'), worker('w0')],
    ['v0', 'v1', 'v3'],
    {
      before: [...hasRun, 'v0: drive'],
      carries: [...moves, 'hello'],
      repeats: ['install', 'seal'],
    },
  ),
  shape(
    'install-crash',
    'A new voter crashes while it takes up its office, and may lose what was not durable.',
    [driver, voter('v1'), voter('v2'), newcomer('v3', { syncs: true, crashes: 1 }), worker('w0')],
    ['v0', 'v1', 'v3'],
    {
      before: [...hasRun, 'v0: drive'],
      carries: [...moves, 'hello'],
      repeats: ['install', 'seal'],
    },
  ),
  shape(
    'whole',
    'The next voters are chosen and take up their office, while a result is settled.',
    [
      voter('v0', { elects: [['v0', 'v1', 'v3']], electBallots: 1 }),
      voter('v1'),
      voter('v2'),
      newcomer('v3'),
      worker('w0'),
    ],
    [],
    { before: hasRun, carries: [...moves, ...elections], repeats: [] },
  ),
]
