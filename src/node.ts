import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type ComponentLogger, setMaxListeners } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { Blobs } from './blobs/blobs.ts'
import { DiskBlobStore } from './blobs/disk-store.ts'
import { MemoryBlobStore } from './blobs/memory-store.ts'
import { noticeBlobs } from './blobs/noticing-store.ts'
import type { BlobStore } from './blobs/ports.ts'
import { type MeshNodeConfig, type MeshNodeInit, resolveConfig } from './config.ts'
import { createMachine, type MachineInit } from './core/machine.ts'
import { SystemClock } from './driver/clock.ts'
import { coreOf } from './driver/core.ts'
import { Driver } from './driver/driver.ts'
import type { Clock, Opened, Store } from './driver/ports.ts'
import { type Libp2pNetwork, libp2pNetwork } from './libp2p/network.ts'
import { memoryBlobBytesMax } from './large-inputs.ts'
import type { MeshNode } from './mesh-node.ts'
import { limitQueues } from './queue-limits.ts'
import { RunningNode } from './running-node.ts'
import { shellQueue } from './shell/task.ts'
import { diskStore } from './store/disk-store.ts'
import { memoryStore } from './store/memory-store.ts'
import { WatchedWorker } from './watched-worker.ts'
import { decodeEntry, encodeEntry } from './wire/codec.ts'
import { workerBlobs } from './worker-blobs.ts'
import type { TaskDefaults } from './worker/definition.ts'
import { loadHandlers } from './worker/load.ts'
import type { ModuleHandler } from './worker/module-handlers.ts'
import { ShellRuns } from './worker/shell-runs.ts'
import { createWorker } from './worker/worker.ts'

/** Run grants after which a task has failed, since its runs end their nodes. */
const maxDeliveries = 5

/** Bytes of open records and kept results that a node takes before it refuses new tasks. */
const maxBytes = 512 * 2 ** 20

/** Registers of consecutive tasks that the core keeps together. */
const pageTasks = 1_024

/**
 * Starts a node and joins the mesh. It works at once; `ready` waits for others.
 *
 * @throws {InvalidParametersError} An option is out of bounds or not supported.
 * @throws {HandlerModuleError} `handlers` cannot be used.
 * @throws {StoreLockedError} Another node uses the data directory.
 * @throws {StoreCorruptError} The data directory has lost something or was changed.
 * @throws {StoreVersionError} A newer version wrote the data directory.
 */
export async function createNode(init: MeshNodeInit = {}): Promise<MeshNode> {
  const resolved = resolveConfig(init)
  const { signal } = resolved
  signal?.throwIfAborted()
  if (signal !== undefined) setMaxListeners(Infinity, signal)
  const logger = resolved.logger ?? defaultLogger()
  const { handlers, isolate, queueConcurrency } = resolved
  const loaded = handlers === undefined ? [] : await loadHandlers(handlers, { isolate })
  const { modules, ...limited } = limitQueues({ ...resolved, modules: loaded }, queueConcurrency)
  const config: MeshNodeConfig = { ...resolved, ...limited }

  const store = storeOf(config)
  let network: Libp2pNetwork | undefined
  let node: RunningNode | undefined
  try {
    // Before anything else touches the data directory: of two nodes on it, one is told so.
    const opened = await store.open()
    network = await networkOf(config, logger)
    node = build({ config, modules, store, opened, network, logger })
    await node.start()
    signal?.throwIfAborted()
  } catch (error) {
    await (node?.stop() ?? stopAll(network, store)).catch(() => undefined)
    throw error
  }
  node.stopOn(signal)
  return node
}

interface Parts {
  readonly config: MeshNodeConfig
  readonly modules: readonly ModuleHandler[]
  readonly store: Store
  readonly opened: Opened
  readonly network: Libp2pNetwork
  readonly logger: ComponentLogger
}

async function stopAll(network: Libp2pNetwork | undefined, store: Store): Promise<void> {
  await network?.stop()
  await store.close()
}

function build({ config, modules, store, opened, network, logger }: Parts): RunningNode {
  const log = logger.forComponent('meshwork:node')
  const clock = new SystemClock()
  const machine = createMachine(machineInit({ config, modules, opened, network }, clock))
  const blobs = new Blobs({
    store: blobStoreOf(config),
    network: network.blobs,
    machine,
    warn: message => node.warn(message),
  })
  const shellRuns = config.allowRun ? new ShellRuns() : undefined
  const worker: WatchedWorker = new WatchedWorker(
    createWorker({
      concurrency: config.concurrency,
      definitions: config.tasks,
      modules,
      commands: config.commands,
      isolate: config.isolate,
      shellRuns,
      resourceLimits: config.resourceLimits,
      blobs: workerBlobs(blobs),
      node: network.peer,
      logger: { warn: message => node.warn(message) },
      publish: (task, input, options) => node.publish(task, input, options),
    }),
  )
  const driver = new Driver({
    core: coreOf(machine),
    network,
    store: noticeBlobs(store, named => blobs.named(named)),
    worker,
    clock,
    onEffect: effect => node.perform(effect),
    onFailed: error => node.fail(error),
    onWarning: (message, error) => node.warn(`${message}: ${error.message}`),
    trace: input => log.trace('%o', input),
  })
  const definitions = new Map<string, TaskDefaults>([
    ...modules.map(({ queue, defaults }) => [queue, defaults] as const),
    ...config.tasks.map(task => [task.name, task] as const),
    ...config.commands.map(({ queue }) => [queue, {}] as const),
  ])
  if (config.allowRun) definitions.set(shellQueue, {})
  const node: RunningNode = new RunningNode({
    config,
    definitions,
    machine,
    network,
    store,
    worker,
    shellRuns,
    blobs,
    clock,
    driver,
    log,
  })
  return node
}

function storeOf({ dataDir, durability }: MeshNodeConfig): Store {
  const codec = { encode: encodeEntry, decode: decodeEntry }
  if (dataDir === undefined) return memoryStore({ codec })
  return diskStore({ dataDir, codec, durability })
}

function blobStoreOf({ dataDir, durability }: MeshNodeConfig): BlobStore {
  if (dataDir === undefined) return new MemoryBlobStore({ bytesMax: memoryBlobBytesMax })
  return new DiskBlobStore({ directory: join(dataDir, 'blobs'), durability })
}

function networkOf(config: MeshNodeConfig, logger: ComponentLogger): Promise<Libp2pNetwork> {
  const { mesh, secret, dataDir, listen, bootstrap, mdns, gossip, allow, libp2p } = config
  return libp2pNetwork({
    mesh,
    secret,
    dataDir,
    listen,
    bootstrap,
    mdns,
    gossip,
    allow,
    libp2p,
    logger,
  })
}

function machineInit(
  { config, modules, opened, network }: Omit<Parts, 'store' | 'logger'>,
  clock: Clock,
): MachineInit {
  const { concurrency } = config
  const queues = [
    ...config.tasks.map(task => ({ queue: task.name, concurrency: task.concurrency })),
    ...modules,
    ...config.commands,
    ...(config.allowRun ? [{ queue: shellQueue, concurrency: undefined }] : []),
  ]
  const seed = randomBytes(16)
  return {
    peer: network.peer,
    incarnation: randomBytes(8).toString('hex'),
    storageId: opened.storageId,
    seed: [seed.readUInt32LE(0), seed.readUInt32LE(4), seed.readUInt32LE(8), seed.readUInt32LE(12)],
    guest: config.guest,
    voters: config.voters,
    leaseMs: config.leaseMs,
    maxDeliveries,
    queues:
      concurrency === 0
        ? []
        : queues.map(({ queue, concurrency: own }) => ({
            queue,
            concurrency: Math.min(own ?? concurrency, concurrency),
          })),
    concurrency,
    labels: Object.entries(config.labels).map(([name, value]) => `${name}=${value}`),
    maxBytes,
    wallOffsetMs: clock.wallOffsetMs(),
    intact: opened.intact,
    pageTasks,
  }
}
