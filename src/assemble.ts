import type { ComponentLogger } from '@libp2p/interface'
import { Blobs } from './blobs/blobs.ts'
import { noticeBlobs } from './blobs/noticing-store.ts'
import type { BlobNetwork, BlobStore } from './blobs/ports.ts'
import type { MeshNodeConfig } from './config.ts'
import type { Incarnation } from './core/ids.ts'
import { createMachine, type Machine, type MachineInit } from './core/machine.ts'
import { type Core, coreOf } from './driver/core.ts'
import { Driver } from './driver/driver.ts'
import type { Clock, Opened, Store, Worker } from './driver/ports.ts'
import type { NodeNetwork } from './node-health.ts'
import { RunningNode } from './running-node.ts'
import { shellQueue } from './shell/task.ts'
import type { Timers } from './time/timers.ts'
import { WatchedWorker } from './watched-worker.ts'
import { workerBlobs } from './worker-blobs.ts'
import type { TaskDefaults } from './worker/definition.ts'
import type { ModuleHandler } from './worker/module-handlers.ts'
import { ShellRuns } from './worker/shell-runs.ts'
import { createWorker } from './worker/worker.ts'

/** What a node is put together from: its configuration, and what it runs on. */
export interface NodeParts {
  readonly config: MeshNodeConfig
  readonly modules: readonly ModuleHandler[]
  readonly store: Store
  readonly opened: Opened
  readonly network: NodeNetwork & { readonly blobs: BlobNetwork }
  readonly blobStore: BlobStore
  readonly clock: Clock
  readonly logger: ComponentLogger
  /** Random, new at every start. */
  readonly incarnation: Incarnation
  /** Four random 32-bit numbers, from which all that the core draws follows. */
  readonly seed: MachineInit['seed']
  /** @default the system's */
  readonly timers?: Timers | undefined
  /** What the driver takes its turns with. The default is `timers`. */
  readonly driverTimers?: Timers | undefined
  /** Puts something around the core, or around the worker, that sees what passes. */
  readonly aroundCore?: ((core: Core, machine: Machine) => Core) | undefined
  readonly aroundWorker?: ((worker: Worker) => Worker) | undefined
}

/** Run grants after which a task has failed, since its runs end their nodes. */
const maxDeliveries = 5

/** Bytes of open records and kept results that a node takes before it refuses new tasks. */
const maxBytes = 512 * 2 ** 20

/** Registers of consecutive tasks that the core keeps together. */
const pageTasks = 1_024

/** Puts a node together. Nothing happens before it is started. */
export function assemble(parts: NodeParts): RunningNode {
  const { config, modules, store, network, logger, clock, timers } = parts
  const { aroundCore = it => it, aroundWorker = it => it } = parts
  const log = logger.forComponent('meshwork:node')
  const machine = createMachine(machineInit(parts))
  const blobs = new Blobs({
    store: parts.blobStore,
    network: network.blobs,
    machine,
    warn: message => node.warn(message),
    timers,
  })
  const shellRuns = config.allowRun ? new ShellRuns() : undefined
  const handlers = createWorker({
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
    timers,
    publish: (task, input, options) => node.publish(task, input, options),
  })
  const worker: WatchedWorker = new WatchedWorker(aroundWorker(handlers))
  const driver = new Driver({
    core: aroundCore(coreOf(machine), machine),
    network,
    store: noticeBlobs(store, named => blobs.named(named)),
    worker,
    clock,
    onEffect: effect => node.perform(effect),
    onFailed: error => node.fail(error),
    onWarning: (message, error) => node.warn(`${message}: ${error.message}`),
    trace: input => log.trace('%o', input),
    timers: parts.driverTimers ?? timers,
  })
  const definitions = new Map<string, TaskDefaults>([
    ...modules.map(({ queue, defaults }) => [queue, defaults] as const),
    ...config.commands.map(({ queue }) => [queue, {}] as const),
    ...config.tasks.map(task => [task.name, task] as const),
  ])
  if (config.allowRun) definitions.set(shellQueue, {})
  const node: RunningNode = new RunningNode({
    ...{ config, definitions, machine, network, store, worker, shellRuns },
    ...{ blobs, clock, driver, log, timers },
    setAside: parts.opened.setAside,
  })
  return node
}

function machineInit(parts: NodeParts): MachineInit {
  const { config, modules, opened, network, clock, incarnation, seed } = parts
  const { concurrency } = config
  const queues = [
    ...config.tasks.map(task => ({ queue: task.name, concurrency: task.concurrency })),
    ...modules,
    ...config.commands,
    ...(config.allowRun ? [{ queue: shellQueue, concurrency: undefined }] : []),
  ]
  return {
    peer: network.peer,
    incarnation,
    storageId: opened.storageId,
    seed,
    guest: config.guest,
    voters: config.voters,
    leaseMs: config.leaseMs,
    orphans: config.orphans,
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
