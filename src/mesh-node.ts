import type { AbortOptions } from '@libp2p/interface'
import type { BlobSource } from './blobs/chunks.ts'
import type { MeshBlob } from './blobs/mesh-blob.ts'
import type { TypedEventTarget } from 'main-event'
import type { MeshNodeEvents } from './events.ts'
import type { NodeHealth } from './node-health.ts'
import type { PublishOptions } from './publish-options.ts'
import type { MeshCommands } from './shell-access.ts'
import type { TaskHandle } from './task-handle.ts'
import type { NodeInfo, PeerInfo, QueueInfo, TaskInfo, TaskState } from './task-info.ts'
import type { TaskDefinition } from './worker/definition.ts'

/** What `ready` waits for. */
export interface ReadyOptions extends AbortOptions {
  /**
   * Other full nodes that must be connected.
   *
   * @default 1
   */
  readonly peers?: number | undefined
  /**
   * Longest wait, in milliseconds.
   *
   * @default 30_000
   */
  readonly timeoutMs?: number | undefined
}

/** Which tasks are wanted. */
export interface TaskFilter extends AbortOptions {
  readonly queue?: string | undefined
  readonly state?: TaskState | undefined
}

/**
 * A node of the mesh: publishes tasks, keeps those of others and runs what it has handlers for.
 * What it tells while it goes on is in `MeshNodeEvents`.
 */
export interface MeshNode extends TypedEventTarget<MeshNodeEvents>, AsyncDisposable {
  readonly peerId: string
  /** Multiaddrs that another node's `bootstrap` accepts. */
  readonly addresses: readonly string[]
  /** Resolves with why, should the node stop by itself, and with `undefined` when it is stopped. */
  readonly stopped: Promise<Error | undefined>
  /** The commands of `meshwork run` and `meshwork map`, while they run, here or elsewhere. */
  readonly commands: MeshCommands

  /**
   * Resolves when work can really be shared: enough other full nodes are connected.
   *
   * @throws {QuorumUnavailableError} Not within `timeoutMs`.
   */
  ready(options?: ReadyOptions): Promise<void>

  /**
   * Publishes a task. Resolves when a majority of its voters holds it. The signal ends the wait
   * only: the task may still come to be.
   *
   * The input is JSON, or a `Uint8Array`, a stream or an async iterable of bytes, which the handler
   * gets as a `MeshBlob`. It may be as large as the disks of the nodes that keep it. A `MeshBlob`
   * within JSON is one for the handler, too, and so it is in results.
   *
   * @throws {InvalidInputError} The input is not JSON, or not what the definition asks for.
   * @throws {PayloadTooLargeError} This node keeps it in memory, and it is over 256 MiB.
   * @throws {NoSpaceError} The disk of this node is full.
   * @throws {NoRoomAtPeersError} So are those of the nodes that would keep it.
   */
  publish<Input, Output>(
    task: TaskDefinition<Input, Output>,
    input: NoInfer<Input>,
    options?: PublishOptions,
  ): Promise<TaskHandle<Output>>
  publish<Output = unknown>(
    queue: string,
    input?: unknown,
    options?: PublishOptions,
  ): Promise<TaskHandle<Output>>

  /** Publishes many tasks of one queue, in order. If one input is bad, none is published. */
  publishMany<Input, Output>(
    task: TaskDefinition<Input, Output>,
    inputs: readonly NoInfer<Input>[],
    options?: PublishOptions,
  ): Promise<TaskHandle<Output>[]>
  publishMany<Output = unknown>(
    queue: string,
    inputs: readonly unknown[],
    options?: PublishOptions,
  ): Promise<TaskHandle<Output>[]>

  /**
   * Stores bytes, or a file, for a publish, by itself or within JSON; resolves with what to publish
   * instead. It is kept for an hour, and as long as a task names it. A guest does not copy a file,
   * which must stay as it is until it is published.
   *
   * @throws {NoSpaceError} There is no room for it.
   */
  store(source: BlobSource, options?: AbortOptions): Promise<MeshBlob>

  /** The task of an id, wherever it is. Whether there is one shows when it is asked. */
  task<Output = unknown>(id: string): TaskHandle<Output>
  /** Tasks that this node or one that it is connected to knows, each once. */
  tasks(filter?: TaskFilter): AsyncIterable<TaskInfo>
  /** Other nodes, as this one knows them. */
  peers(): readonly PeerInfo[]
  /** This node and those that it is connected to, as they describe themselves. */
  nodes(options?: AbortOptions): Promise<readonly NodeInfo[]>
  /** How many tasks of each queue are where, as far as connected nodes know. */
  queues(options?: AbortOptions): Promise<readonly QueueInfo[]>
  /** How this node stands in its network; some peers are asked to reach it, at most a few seconds. */
  health(options?: AbortOptions): Promise<NodeHealth>
  /** Counts of this node, by name. */
  metrics(): Readonly<Record<string, number>>

  /**
   * Takes no more work, and gives back what has not started. Resolves when what runs has ended and
   * its results are decided, which takes a majority; give a signal to wait no longer than so long.
   */
  drain(options?: AbortOptions): Promise<void>
  /** Leaves the mesh: what runs is aborted and goes to others. Resolves when all is released. */
  stop(): Promise<void>
}
