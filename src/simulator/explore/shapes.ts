import type { Message } from '../../core/messages.ts'
import { changeShapes } from './change-shapes.ts'
import { canceller, type NodePlan, type Shape, voter, worker } from './plan.ts'

/** What votes need; the rest is lost, as a network may do. */
const votes: readonly Message['type'][] = ['claim', 'claimed', 'settle', 'accepted']

const decisions: readonly Message['type'][] = [...votes, 'decided', 'fetch']

const voters: readonly NodePlan[] = [voter('v0'), voter('v1'), voter('v2')]

function shape(
  name: string,
  about: string,
  nodes: Shape['nodes'],
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
    next: [],
    then: [],
    epoch: 0,
    before: [],
    looks: false,
    carries: votes,
    repeats: [],
    leases: false,
    order: false,
    quick: true,
    maxStates: 6_000_000,
    ...more,
  }
}

const run = { intent: 'run', first: 0, count: 1 } as const
const direct = { intent: 'direct', first: 0, count: 1, to: 'w0' } as const
const both = { intent: 'run', first: 0, count: 2 } as const

/** A worker that has heard of the first ballot already. */
const second = { counter: 1 } as const

/** The small clusters that are explored. */
export const shapes: readonly Shape[] = [
  ...changeShapes,
  shape(
    'tie',
    'A worker and a canceller claim with the same counter, and claims may come twice.',
    [...voters, worker('w0'), canceller('c0')],
    { repeats: ['claim'] },
  ),
  shape('overtake', 'A worker is overtaken by another with a higher counter.', [
    ...voters,
    worker('w0'),
    worker('w1', second),
  ]),
  shape(
    'contest',
    'Two workers share three ballots; the overtaken one raises its result.',
    [...voters, worker('w0', { ballots: 2 }), worker('w1', second)],
    { quick: false },
  ),
  shape(
    'cancel',
    'A task is cancelled while it runs; the overtaken worker raises its result.',
    [...voters, worker('w0', { ballots: 2 }), canceller('c0', second)],
    { quick: false },
  ),
  shape('cancel-once', 'A task is cancelled while it runs.', [
    ...voters,
    worker('w0'),
    canceller('c0', second),
  ]),
  shape(
    'three',
    'Three proposers, one ballot each: the third reads what two others have left behind.',
    [...voters, worker('w0'), canceller('c0', second), worker('w1', { counter: 2 })],
    { quick: false },
  ),
  shape('finish', 'A voter finishes what it has accepted and nobody has decided.', [
    voter('v0', { finishes: true, ballots: 1 }),
    voter('v1'),
    voter('v2'),
    worker('w0'),
  ]),
  shape(
    'finish-or-cancel',
    'A worker runs; a voter finishes its outcome while somebody cancels the task.',
    [
      voter('v0', { finishes: true, ballots: 1 }),
      voter('v1'),
      voter('v2'),
      worker('w0'),
      canceller('c0', second),
    ],
    { begins: [['w0', 'open 0']], quick: false, maxStates: 10_000_000 },
  ),
  shape(
    'finish-or-retry',
    'A voter finishes an outcome that a later ballot has replaced by another attempt.',
    [
      voter('v0', { finishes: true, ballots: 1, counter: 2 }),
      voter('v1'),
      voter('v2'),
      worker('w0'),
      worker('w1', { ends: ['error'], ...second }),
    ],
    { attempts: 2, quick: false },
  ),
  shape(
    'voting-worker',
    'The worker votes: others count its accept by how far its disk is. It may crash.',
    [
      voter('v0', { opens: [run], ballots: 1, ends: ['done'], syncs: true, crashes: 1 }),
      voter('v1'),
      voter('v2'),
    ],
    { carries: [...votes, 'hello'] },
  ),
  shape(
    'voting-worker-cancel',
    'The same, while somebody cancels the task.',
    [
      voter('v0', {
        opens: [run],
        ballots: 1,
        ends: ['done'],
        syncs: true,
        crashes: 1,
        worksAgain: false,
      }),
      voter('v1'),
      voter('v2'),
      canceller('c0', second),
    ],
    { carries: [...votes, 'hello'], quick: false },
  ),
  shape(
    'evidence',
    'A voter counts the accept of the worker and its own, which may not be durable yet.',
    [
      voter('v0', { opens: [run], ballots: 1, ends: ['done'] }),
      voter('v1', { syncs: true, crashes: 1 }),
      voter('v2'),
    ],
    { carries: [...votes, 'hello'] },
  ),
  shape(
    'voter-crash',
    'A voter crashes, and may lose what was not durable.',
    [
      voter('v0', { syncs: true, crashes: 1 }),
      voter('v1'),
      voter('v2'),
      worker('w0'),
      worker('w1', second),
    ],
    { carries: [...votes, 'hello'], quick: false },
  ),
  shape(
    'voter-forgets',
    'A voter crashes, and a ballot above all that it had reserved reads what it has kept.',
    [
      voter('v0', { syncs: true, crashes: 1 }),
      voter('v1'),
      voter('v2'),
      worker('w0'),
      canceller('c0', { counter: 5_000 }),
    ],
    { carries: [...votes, 'hello'], quick: false },
  ),
  shape(
    'late-record',
    'Voters get the record only when a claimer brings it.',
    [
      voter('v0'),
      voter('v1', { stored: false }),
      voter('v2', { stored: false }),
      worker('w0'),
      canceller('c0', second),
    ],
    { carries: [...votes, 'store'] },
  ),
  shape(
    'direct',
    'A producer claims its new task for a worker while somebody cancels it.',
    [
      voter('v0', { stored: false, opens: [direct], ballots: 1 }),
      voter('v1', { stored: false }),
      voter('v2', { stored: false }),
      worker('w0', { opens: [], takes: true }),
      canceller('c0'),
    ],
    { carries: [...votes, 'store'] },
  ),
  shape(
    'direct-contest',
    'The same, while another worker that has the record claims it under a lower ballot.',
    [
      voter('v0', { stored: false, opens: [direct], ballots: 1, counter: 2 }),
      voter('v1', { stored: false }),
      voter('v2', { stored: false }),
      worker('w0', { opens: [], takes: true }),
      worker('w1'),
    ],
    { carries: [...votes, 'store'], quick: false },
  ),
  shape(
    'batch',
    'A worker that votes runs two tasks at once; one of them is cancelled.',
    [
      voter('v0', { opens: [both], ballots: 1, ends: ['done'] }),
      voter('v1'),
      voter('v2'),
      canceller('c0', second),
    ],
    { tasks: 2, carries: votes, quick: false },
  ),
  shape(
    'apart',
    'A worker that votes ends the two tasks of its claim one by one, each done or in an error.',
    [
      voter('v0', { opens: [both], ballots: 1, ends: ['done', 'error'], apart: true }),
      voter('v1'),
      voter('v2'),
    ],
    { tasks: 2, attempts: 2 },
  ),
  shape(
    'worker-restart',
    'A worker starts again while answers to its earlier start wait for a disk.',
    [voter('v0', { syncs: true }), voter('v1'), voter('v2'), worker('w0', { crashes: 1 })],
    { carries: [...votes, 'hello'], order: true },
  ),
  shape(
    'worker-restart-leases',
    'A worker starts again while voters still lease tasks to its earlier start.',
    [...voters, worker('w0', { crashes: 1 })],
    { leases: true, carries: [...votes, 'hello'] },
  ),
  shape(
    'worker-restart-contest',
    'The same, while another worker overtakes both starts.',
    [
      voter('v0', { syncs: true }),
      voter('v1'),
      voter('v2'),
      worker('w0', { crashes: 1 }),
      worker('w1', second),
    ],
    { carries: [...votes, 'hello'], order: true, quick: false },
  ),
  shape(
    'reopen',
    'The record is brought again after the outcome is known.',
    [voter('v0'), voter('v1', { stored: false }), voter('v2'), worker('w0')],
    { carries: [...decisions, 'store'], repeats: [...decisions, 'store'] },
  ),
  shape(
    'collect',
    'Voters collect what is settled; another worker, which has the record, claims it afterwards.',
    [
      voter('v0', { collects: true }),
      voter('v1', { collects: true }),
      voter('v2'),
      worker('w0'),
      worker('w1', second),
    ],
    { carries: [...votes, 'decided', 'store'] },
  ),
  shape(
    'collect-told',
    'A voter learns that a task is settled when somebody does not keep its outcome any more.',
    [voter('v0', { collects: true }), voter('v1'), voter('v2', { compares: true }), worker('w0')],
    { carries: [...decisions, 'compare', 'collected'] },
  ),
  shape(
    'collect-late',
    'The same, while somebody cancels the task.',
    [
      voter('v0', { collects: true }),
      voter('v1'),
      voter('v2', { compares: true }),
      worker('w0'),
      canceller('c0', second),
    ],
    {
      begins: [['w0', 'open 0']],
      carries: [...votes, 'decided', 'compare', 'collected'],
      quick: false,
      maxStates: 3_000_000,
    },
  ),
  shape(
    'retry',
    'A run ends in an error and the task is run again.',
    [...voters, worker('w0', { ballots: 2, ends: ['done', 'error'] })],
    { attempts: 2 },
  ),
  shape(
    'leases',
    'Leases last until they lapse; a worker gives up and expires; somebody cancels.',
    [...voters, worker('w0', { expires: true, ballots: 2 }), canceller('c0', second)],
    { leases: true, carries: [...votes, 'lost', 'release'], quick: false },
  ),
  shape(
    'held',
    'Two workers respect each other’s leases until these lapse.',
    [...voters, worker('w0', { expires: true }), worker('w1', { expires: true, ...second })],
    { leases: true, carries: [...votes, 'lost', 'release'] },
  ),
  shape(
    'repeats',
    'Every message may arrive any number of times.',
    [...voters, worker('w0'), canceller('c0', second)],
    { repeats: votes },
  ),
  shape(
    'decisions',
    'Outcomes are told: tokens grow with time, and nothing runs that is claimed after the outcome.',
    [...voters, worker('w0'), worker('w1', second)],
    { order: true, carries: decisions },
  ),
  shape(
    'deliveries',
    'Runs that never end use up the deliveries of a task.',
    [...voters, worker('w0', { ballots: 2, expires: true })],
    { maxDeliveries: 1 },
  ),
]
