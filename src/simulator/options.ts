import type { CorePort } from './core-port.ts'
import { realCore } from './core-port.ts'
import type { FaultKind, FaultName } from './fault-kinds.ts'
import type { Faults } from './faults.ts'
import type { Ending, ProcessFactory } from './node-process.ts'
import type { Tamper } from './tamper.ts'

/** What a simulation is made of; the seed alone decides everything that is drawn. */
export interface SimulationOptions {
  /** An integer from 0 to 2⁵³ − 1. */
  seed: number
  /**
   * Full nodes.
   *
   * @default 5
   */
  nodes?: number | undefined
  /**
   * Guests, which only publish and watch.
   *
   * @default 0
   */
  guests?: number | undefined
  /**
   * Voters of a ledger; odd.
   *
   * @default 3
   */
  voters?: number | undefined
  /**
   * What goes wrong: kinds of faults, or groups of them.
   *
   * @default ['none']
   */
  faults?: readonly FaultName[] | undefined
  /**
   * Kinds that are left out of `faults`.
   *
   * @default []
   */
  without?: readonly FaultKind[] | undefined
  /**
   * What faults are like, in the place of what is drawn.
   *
   * @default {}
   */
  parameters?: Partial<Faults> | undefined
  /**
   * How long a lease lasts without renewal, in milliseconds.
   *
   * @default 30_000
   */
  leaseMs?: number | undefined
  /**
   * Run grants after which a task has failed.
   *
   * @default 5
   */
  maxDeliveries?: number | undefined
  /**
   * Tasks that a node runs at the same time.
   *
   * @default 4
   */
  concurrency?: number | undefined
  /**
   * Queues that every node serves.
   *
   * @default ['work']
   */
  queues?: readonly string[] | undefined
  /** The queues of each full node, in the place of `queues`. */
  queuesOf?: ((index: number) => readonly string[]) | undefined
  /**
   * Whether hints travel. Without, everything is slower and as safe.
   *
   * @default true
   */
  gossip?: boolean | undefined
  /**
   * Whether nodes know each other from the start, or only the first one.
   *
   * @default 'all'
   */
  known?: 'all' | 'first' | undefined
  /**
   * Whether a node that crashes by itself comes back after a while.
   *
   * @default true
   */
  autoRestart?: boolean | undefined
  /**
   * Bytes that a voter takes.
   *
   * @default 67_108_864
   */
  maxBytes?: number | undefined
  /**
   * Registers per page of the core.
   *
   * @default 64
   */
  pageTasks?: number | undefined
  /**
   * How long failed tasks are kept, and ledgers remembered of which nothing is left, in milliseconds.
   * Where that is less than a day, results are kept for seconds, too.
   *
   * @default 604_800_000
   */
  keepMs?: number | undefined
  /**
   * What becomes of tasks whose voters are lost.
   *
   * @default 'wait'
   */
  orphans?: 'wait' | 'fork' | undefined
  /**
   * Full nodes of a mesh that is not large, as each node has it; the core's own bound if left out.
   * Where they differ, some nodes take a mesh for large that others do not.
   */
  smallMeshOf?: ((index: number) => number) | undefined
  /** One process dies at one of the writes and messages of its node, counted from 1. */
  crashAt?: CrashAt | undefined
  /**
   * Nodes whose processes and disks are left alone.
   *
   * @default []
   */
  spared?: readonly number[] | undefined
  /** Properties whose violations count; all of them if left out. */
  only?: readonly string[] | undefined
  /** The protocol; another one only to test the simulation itself. */
  core?: CorePort | undefined
  /** Makes processes of another kind than those that only run the core. */
  createProcess?: ProcessFactory | undefined
  /**
   * Whether payloads begin with the plan of a simulated task.
   *
   * @default true
   */
  plans?: boolean | undefined
  /** Breaks the cluster on purpose. */
  tamper?: Tamper | undefined
  /** Called with every line of the trace as it happens; slow. */
  onTrace?: ((line: string) => void) | undefined
}

/** A write or a message at which a node's process dies, instead of making it. */
export interface CrashAt {
  readonly index: number
  readonly point: number
  readonly how: Ending
}

/** Options with their defaults. */
export type SimulationConfig = {
  readonly [K in keyof SimulationOptions]-?: K extends
    | 'onTrace'
    | 'only'
    | 'crashAt'
    | 'createProcess'
    | 'queuesOf'
    | 'smallMeshOf'
    ? SimulationOptions[K]
    : NonNullable<SimulationOptions[K]>
}

/** Fills in the defaults. */
export function resolveOptions(options: SimulationOptions): SimulationConfig {
  return {
    seed: options.seed,
    nodes: options.nodes ?? 5,
    guests: options.guests ?? 0,
    voters: options.voters ?? 3,
    faults: options.faults ?? ['none'],
    without: options.without ?? [],
    parameters: options.parameters ?? {},
    leaseMs: options.leaseMs ?? 30_000,
    maxDeliveries: options.maxDeliveries ?? 5,
    concurrency: options.concurrency ?? 4,
    queues: options.queues ?? ['work'],
    queuesOf: options.queuesOf,
    gossip: options.gossip ?? true,
    known: options.known ?? 'all',
    autoRestart: options.autoRestart ?? true,
    maxBytes: options.maxBytes ?? 64 * 2 ** 20,
    pageTasks: options.pageTasks ?? 64,
    keepMs: options.keepMs ?? 604_800_000,
    orphans: options.orphans ?? 'wait',
    smallMeshOf: options.smallMeshOf,
    core: options.core ?? realCore,
    createProcess: options.createProcess,
    plans: options.plans ?? true,
    tamper: options.tamper ?? {},
    crashAt: options.crashAt,
    spared: options.spared ?? [],
    only: options.only,
    onTrace: options.onTrace,
  }
}
