import type { MeshNode } from '../mesh-node.ts'
import type { HoldFilter } from './held-messages.ts'

/** What may be said of a crash. */
export interface CrashOptions {
  /**
   * Whether the machine goes down with the process: it loses what it had not synced, and refuses
   * no connections.
   *
   * @default false
   */
  readonly power?: boolean | undefined
}

/** What `settle` waits for at the most. */
export interface SettleOptions {
  /**
   * Longest time, in virtual milliseconds.
   *
   * @default 1_800_000
   */
  readonly limitMs?: number | undefined
}

/** Something that was published, by its id. */
export interface Published {
  readonly id: string
}

/**
 * A mesh in one process, for tests: whole nodes, whose network, disks, clocks and random numbers are
 * simulated. Time is virtual, and passes only while a test waits for the cluster: for `advance` and
 * `settle`, or for what a node or a handle of it promises.
 */
export interface TestCluster extends AsyncDisposable {
  readonly seed: number
  /** Nodes and guests. */
  readonly size: number
  /** Virtual milliseconds since the cluster was made. */
  readonly nowMs: number

  /** A node as users have it. After `restart` that is another one. */
  node(index: number): MeshNode

  /** Lets virtual time pass. */
  advance(ms: number): Promise<void>
  /** Waits in virtual time; of use in handlers, whose real waits make virtual time stand still. */
  sleep(ms: number): Promise<void>
  /**
   * Lets time pass until nobody is owed anything: every task decided, and known to all that keep it.
   *
   * @throws {AssertionError} Something is still owed at the end, with what.
   */
  settle(options?: SettleOptions): Promise<void>

  /** Lets nothing through between these groups of nodes, until `heal`. */
  partition(...groups: readonly (readonly number[])[]): void
  /** Loses so many frames: from 0 to 1. */
  loss(probability: number): void
  /** How long frames take, in milliseconds: exactly so long, or between two. */
  latency(ms: number | readonly [least: number, most: number]): void
  /** Holds back messages from now on, until the returned function or `release` is called. */
  hold(filter?: HoldFilter): () => void
  /** Lets all messages go that are held back. */
  release(): void
  /**
   * Ends all faults: partitions, loss, latency, what is held back, pauses, clocks set wrong, and
   * what goes wrong by itself. Nodes that have crashed stay down.
   */
  heal(): void

  /** Ends a node's process at once; its handles are of no use any more. */
  crash(index: number, options?: CrashOptions): Promise<void>
  /** Starts a node again on what its disk holds. */
  restart(index: number): Promise<void>
  /**
   * Stops a node from doing anything, for so many milliseconds, or until `resume` or `heal`. Of
   * several pauses the longest counts; a crash ends them, and one that is down starts into them.
   */
  pause(index: number, ms?: number): void
  /** Lets a node go on that is paused. */
  resume(index: number): void
  /** Sets a node's wall clock so far ahead of the truth, or behind it, in milliseconds, until `heal`. */
  skew(index: number, ms: number): void
  /** Crashes a node and takes its disk: it comes back as one that has never voted. */
  loseDisk(index: number): Promise<void>

  /** Whether all these tasks are done. @throws {AssertionError} With what became of the others. */
  assertCompleted(tasks: readonly Published[]): void
  /**
   * Whether everybody agrees: no rule of the protocol was broken, every task that was published is
   * decided, and all that keep it know how.
   *
   * @throws {AssertionError} With what does not hold.
   */
  assertConverged(): void

  /** Ends all nodes. */
  stop(): Promise<void>
}
