import { checkInteger, invalid, type Tasks } from '../config.ts'
import { type FaultKind, type FaultName, faultKinds, faultNames } from '../simulator/fault-kinds.ts'
import { checkInit, checkList } from './check-init.ts'
import { givenSeed } from './rerun.ts'

/** How a test cluster is made. */
export interface TestClusterInit {
  /**
   * Full nodes.
   *
   * @default 3
   */
  readonly nodes?: number | undefined
  /**
   * Guests, which only publish and ask; they come behind the full nodes.
   *
   * @default 0
   */
  readonly guests?: number | undefined
  /**
   * All that is drawn comes from it: the same seed is the same run. The default is that of
   * `MESHWORK_SEED`, else another one every time.
   */
  readonly seed?: number | undefined
  /** What every node runs, or what each one does. */
  readonly tasks?: Tasks | ((index: number) => Tasks) | undefined
  /**
   * Handlers that run at the same time on each node.
   *
   * @default 4
   */
  readonly concurrency?: number | undefined
  /**
   * Nodes that keep each task.
   *
   * @default 3
   */
  readonly voters?: number | undefined
  /**
   * What becomes of tasks whose voters are lost: they wait, or a survivor publishes them anew.
   *
   * @default 'wait'
   */
  readonly orphans?: 'wait' | 'fork' | undefined
  /**
   * How long a claim lasts without renewal, in milliseconds.
   *
   * @default 30_000
   */
  readonly leaseMs?: number | undefined
  /**
   * Whether nodes announce work to each other.
   *
   * @default true
   */
  readonly gossip?: boolean | undefined
  /**
   * What goes wrong by itself, until `heal`: kinds of faults, or groups such as `network` or
   * `swarm`, which draws other kinds for every seed.
   *
   * @default []
   */
  readonly faults?: readonly FaultName[] | undefined
  /**
   * Kinds that are left out of `faults`.
   *
   * @default []
   */
  readonly without?: readonly FaultKind[] | undefined
  /**
   * `virtual`: network, disks and clocks are simulated, and time passes as fast as it can.
   * `tcp`: real nodes of this process on 127.0.0.1, in real time; not everything can be done to them.
   *
   * @default 'virtual'
   */
  readonly transport?: 'virtual' | 'tcp' | undefined
  /**
   * How long handlers may do real work while virtual time stands still, in real milliseconds.
   *
   * @default 30_000
   */
  readonly realWorkMs?: number | undefined
  /**
   * How long what a test waits for may take, in virtual milliseconds; then the wait fails.
   *
   * @default 3_600_000
   */
  readonly waitMs?: number | undefined
}

/** An init with its defaults, checked. */
export type TestClusterConfig = {
  readonly [K in keyof TestClusterInit]-?: NonNullable<TestClusterInit[K]>
}

/** Most nodes of one cluster, and most guests. */
export const nodesMax = 1_000

/** Longest real time that a timer can wait for, in milliseconds. */
const realMsMax = 2 ** 31 - 1

/** What holds where an init says nothing. */
const defaults = {
  nodes: 3,
  guests: 0,
  concurrency: 4,
  voters: 3,
  leaseMs: 30_000,
  orphans: 'wait',
  realWorkMs: 30_000,
  waitMs: 3_600_000,
} as const

/** What an init may have. */
export const initNames: readonly (keyof TestClusterInit)[] = [
  'nodes',
  'guests',
  'seed',
  'tasks',
  'concurrency',
  'voters',
  'leaseMs',
  'orphans',
  'gossip',
  'faults',
  'without',
  'transport',
  'realWorkMs',
  'waitMs',
]

/**
 * Fills in the defaults and checks what was given.
 *
 * @throws {InvalidParametersError} Something is out of bounds.
 */
export function resolveInit(init: TestClusterInit): TestClusterConfig {
  checkInit('createTestCluster', init, initNames)
  const config: TestClusterConfig = {
    nodes: init.nodes ?? defaults.nodes,
    guests: init.guests ?? defaults.guests,
    seed: init.seed ?? givenSeed() ?? Math.floor(Math.random() * 2 ** 32),
    tasks: init.tasks ?? [],
    concurrency: init.concurrency ?? defaults.concurrency,
    voters: init.voters ?? defaults.voters,
    leaseMs: init.leaseMs ?? defaults.leaseMs,
    orphans: init.orphans ?? defaults.orphans,
    gossip: init.gossip ?? true,
    faults: init.faults ?? [],
    without: init.without ?? [],
    transport: init.transport ?? 'virtual',
    realWorkMs: init.realWorkMs ?? defaults.realWorkMs,
    waitMs: init.waitMs ?? defaults.waitMs,
  }
  checkInteger('nodes', config.nodes, 1, nodesMax)
  checkInteger('guests', config.guests, 0, nodesMax)
  checkInteger('seed', config.seed, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('realWorkMs', config.realWorkMs, 1, realMsMax)
  checkInteger('waitMs', config.waitMs, 1, Number.MAX_SAFE_INTEGER)
  checkList('faults', config.faults, faultNames)
  checkList('without', config.without, faultKinds)
  if (config.transport !== 'virtual' && config.transport !== 'tcp') {
    throw invalid('transport', `'virtual' or 'tcp'`, config.transport)
  }
  return config
}
