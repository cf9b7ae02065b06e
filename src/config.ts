import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { type ComponentLogger, InvalidParametersError, type Libp2p } from '@libp2p/interface'
import { notSupported } from './errors.ts'
import { shellQueue } from './shell/task.ts'
import { maxLabelsBytes, maxPeers, maxQueueBytes, maxQueues, maxVoters } from './wire/limits.ts'
import type { CommandHandler } from './worker/command-runner.ts'
import type { TaskContext, TaskDefaults, TaskDefinitionLike } from './worker/definition.ts'

/** A handler without a definition: gets the payload as it was published. */
export type TaskFunction = (input: never, ctx: TaskContext) => unknown

/** What a node runs: definitions, or functions and definitions by the name of their queue. */
export type Tasks =
  | readonly TaskDefinitionLike[]
  | Readonly<Record<string, TaskFunction | TaskDefinitionLike>>

/** Commands by the name of their queue. Each runs in a shell, once per task. */
export type Commands = Readonly<
  Record<string, string | { readonly command: string; readonly concurrency?: number | undefined }>
>

/** Facts about a node, by their names. */
export type Labels = Readonly<Record<string, string | number | boolean>>

/** How a node is made. Everything may be left out. */
export interface MeshNodeInit {
  /**
   * Name of the mesh. Meshes of different names on one LAN do not see each other.
   *
   * @default 'default'
   */
  readonly mesh?: string | undefined

  /** What only nodes of the mesh know. Without one the mesh is open to its whole LAN. */
  readonly secret?: string | undefined

  /** What the node runs, on its main loop. Without any it produces and votes. */
  readonly tasks?: Tasks | undefined

  /** A module whose exports are handlers, or a folder of such; they run as `isolate` says. */
  readonly handlers?: string | undefined

  /**
   * What each running handler of a module has to itself. In a thread, whatever it does to its
   * memory, its event loop or with `process.exit` is its own affair, but a crash in native code
   * takes the node along. In a process that, too, harms nobody else, and each run costs some
   * 0.05 ms more.
   *
   * @default 'thread'
   */
  readonly isolate?: 'thread' | 'process' | undefined

  /**
   * Queues that commands of the shell serve: the payload on stdin as JSON; the result from stdout,
   * JSON as a value and all else as text; stderr as log lines; an exit code other than 0 is a
   * failed attempt. A command runs in an empty folder of its own, with `PATH`, `HOME` and the like
   * as its environment, and `MESHWORK_TASK_ID`, `MESHWORK_ATTEMPT` and `MESHWORK_TOKEN`; whatever
   * it has started ends with it.
   */
  readonly commands?: Commands | undefined

  /**
   * Whether the node runs any command that a member of the mesh sends it, with the rights of its
   * own process: those of `meshwork run` and `meshwork map`.
   *
   * @default false
   */
  readonly allowRun?: boolean | undefined

  /** Limits of each thread or process; one that uses more memory is ended, its run in an error. */
  readonly threads?: { readonly resourceLimits?: ResourceLimits | undefined } | undefined

  /**
   * Handlers that run at the same time; 0 to produce and vote only. The default is the number
   * of cores.
   */
  readonly concurrency?: number | undefined

  /**
   * Runs at the same time by queue, where that is not `concurrency` or what a definition says.
   *
   * @default {}
   */
  readonly queueConcurrency?: Readonly<Record<string, number>> | undefined

  /** Facts about this node, shown to whoever asks. */
  readonly labels?: Labels | undefined

  /** Where the node keeps its identity, its votes and its tasks. Without one, in memory only. */
  readonly dataDir?: string | undefined

  /**
   * Multiaddrs to listen at.
   *
   * @default ['/ip4/0.0.0.0/tcp/0']
   */
  readonly listen?: readonly string[] | undefined

  /**
   * Multiaddrs of nodes to connect to, whether they can be discovered or not.
   *
   * @default []
   */
  readonly bootstrap?: readonly string[] | undefined

  /**
   * Whether nodes of the LAN are found by multicast.
   *
   * @default true
   */
  readonly mdns?: boolean | undefined

  /**
   * Nodes that keep each task: 1, 3, 5 or 7. A majority of them must be up.
   *
   * @default 3
   */
  readonly voters?: number | undefined

  /**
   * How long a claim lasts without renewal, in milliseconds; at least 1,000.
   *
   * Longer survives slow nodes; shorter hands the tasks of a vanished one over sooner. Renewal
   * happens at a third of this.
   *
   * @default 30_000
   */
  readonly leaseMs?: number | undefined

  /**
   * What becomes of tasks when a majority of the nodes that keep them is lost, or has been out of reach
   * for ten minutes: they wait for it, or a survivor that has `fork` publishes them anew. A task
   * then has one outcome per generation, and `outcome()` says which one it tells.
   *
   * @default 'wait'
   */
  readonly orphans?: 'wait' | 'fork' | undefined

  /**
   * What has happened when a task counts as held: it is on the disk of a majority, or only in
   * their processes' files, which survives a killed process and not a power cut.
   *
   * @default 'disk'
   */
  readonly durability?: 'disk' | 'process' | undefined

  /** Peer ids of the only nodes that may connect. */
  readonly allow?: readonly string[] | undefined

  /**
   * Whether nodes announce work to each other. Without it idle nodes still find it by asking.
   *
   * @default true
   */
  readonly gossip?: boolean | undefined

  /**
   * A libp2p instance of your own, with `identify` and, for gossip, `pubsub` among its services.
   * It is neither configured nor stopped: `listen`, `secret` and `allow` are its own affair.
   */
  readonly libp2p?: Libp2p | undefined

  /** Where the node and libp2p write their logs. The default follows `DEBUG`. */
  readonly logger?: ComponentLogger | undefined

  /** Stops the node when aborted. */
  readonly signal?: AbortSignal | undefined

  /**
   * Whether the node only publishes and asks: it neither works nor votes.
   *
   * @default false
   */
  readonly guest?: boolean | undefined
}

/** A handler, and what publishes of it take from its definition. */
export type GivenDefinition = TaskDefinitionLike & TaskDefaults

/** An init with its defaults, checked. */
export interface MeshNodeConfig {
  readonly mesh: string
  readonly secret: string | undefined
  readonly tasks: readonly GivenDefinition[]
  readonly handlers: string | undefined
  readonly isolate: 'thread' | 'process'
  readonly commands: readonly CommandHandler[]
  readonly allowRun: boolean
  readonly resourceLimits: ResourceLimits | undefined
  readonly concurrency: number
  readonly queueConcurrency: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly dataDir: string | undefined
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly mdns: boolean
  readonly voters: number
  readonly leaseMs: number
  readonly orphans: 'wait' | 'fork'
  readonly durability: 'disk' | 'process'
  readonly allow: readonly string[] | undefined
  readonly gossip: boolean
  readonly libp2p: Libp2p | undefined
  readonly logger: ComponentLogger | undefined
  readonly signal: AbortSignal | undefined
  readonly guest: boolean
}

/** What holds where an init says nothing. */
export const defaults = Object.freeze({
  mesh: 'default',
  listen: Object.freeze(['/ip4/0.0.0.0/tcp/0']),
  queueConcurrency: Object.freeze({}),
  bootstrap: Object.freeze([]),
  mdns: true,
  voters: 3,
  leaseMs: 30_000,
  orphans: 'wait',
  durability: 'disk',
  gossip: true,
  isolate: 'thread',
  allowRun: false,
  guest: false,
} satisfies MeshNodeInit)

/** A lease must outlast some round trips and a garbage collection. */
const leaseMsMin = 1_000

/** A worker that vanished must not hold its tasks for longer than a day. */
const leaseMsMax = 86_400_000

/** More handlers at once than any machine has use for. */
const concurrencyMax = 10_000

const meshNamePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

const labelNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/

const supported: ReadonlySet<string> = new Set<keyof MeshNodeInit>([
  'mesh',
  'secret',
  'tasks',
  'handlers',
  'isolate',
  'commands',
  'allowRun',
  'threads',
  'concurrency',
  'queueConcurrency',
  'labels',
  'dataDir',
  'listen',
  'bootstrap',
  'mdns',
  'voters',
  'leaseMs',
  'orphans',
  'durability',
  'allow',
  'gossip',
  'libp2p',
  'logger',
  'signal',
  'guest',
])

/**
 * Fills in the defaults and checks what was given.
 *
 * @throws {InvalidParametersError} Something is out of bounds or not supported.
 */
export function resolveConfig(init: MeshNodeInit): MeshNodeConfig {
  refuseUnknown(init)
  const guest = init.guest ?? defaults.guest
  const config: MeshNodeConfig = {
    mesh: init.mesh ?? defaults.mesh,
    secret: init.secret,
    tasks: definitionsOf(init.tasks ?? []),
    handlers: init.handlers,
    isolate: init.isolate ?? defaults.isolate,
    commands: commandsOf(init.commands ?? {}),
    allowRun: init.allowRun ?? defaults.allowRun,
    resourceLimits: init.threads?.resourceLimits,
    concurrency: init.concurrency ?? (guest ? 0 : availableParallelism()),
    queueConcurrency: init.queueConcurrency ?? defaults.queueConcurrency,
    labels: labelsOf(init.labels ?? {}),
    dataDir: init.dataDir,
    listen: init.listen ?? (guest ? [] : defaults.listen),
    bootstrap: init.bootstrap ?? defaults.bootstrap,
    mdns: init.mdns ?? defaults.mdns,
    voters: init.voters ?? defaults.voters,
    leaseMs: init.leaseMs ?? defaults.leaseMs,
    orphans: init.orphans ?? defaults.orphans,
    durability: init.durability ?? defaults.durability,
    allow: init.allow,
    gossip: init.gossip ?? defaults.gossip,
    libp2p: init.libp2p,
    logger: init.logger,
    signal: init.signal,
    guest,
  }
  check(config)
  return config
}

function refuseUnknown(init: MeshNodeInit): void {
  for (const [name, value] of Object.entries(init)) {
    if (value !== undefined && !supported.has(name)) throw notSupported(`createNode: ${name}`)
  }
}

function check(config: MeshNodeConfig): void {
  const { mesh, secret, concurrency, voters, leaseMs, durability, tasks, guest, isolate } = config
  if (typeof mesh !== 'string' || !meshNamePattern.test(mesh)) {
    throw invalid('mesh', `1 to 63 lower-case letters, digits and inner hyphens`, mesh)
  }
  if (secret !== undefined && (typeof secret !== 'string' || secret === '')) {
    throw new InvalidParametersError('secret must be text; make one with meshwork secret')
  }
  checkInteger('concurrency', concurrency, 0, concurrencyMax)
  for (const [queue, limit] of Object.entries(config.queueConcurrency)) {
    checkInteger(`queueConcurrency of ${queue}`, limit, 1, concurrencyMax)
  }
  checkInteger('leaseMs', leaseMs, leaseMsMin, leaseMsMax)
  checkInteger('voters', voters, 1, maxVoters)
  if (voters % 2 === 0) throw invalid('voters', 'odd, so that halves cannot tie', voters)
  if (config.orphans !== 'wait' && config.orphans !== 'fork') {
    throw invalid('orphans', `'wait' or 'fork'`, config.orphans)
  }
  if (durability !== 'disk' && durability !== 'process') {
    throw invalid('durability', `'disk' or 'process'`, durability)
  }
  if (isolate !== 'thread' && isolate !== 'process') {
    throw invalid('isolate', `'thread' or 'process'`, isolate)
  }
  for (const name of ['mdns', 'gossip', 'allowRun', 'guest'] as const) {
    if (typeof config[name] !== 'boolean') throw invalid(name, 'true or false', config[name])
  }
  for (const name of ['listen', 'bootstrap', 'allow'] as const) checkTexts(name, config[name])
  for (const name of ['handlers', 'dataDir'] as const) checkPath(name, config[name])
  for (const [name, value] of Object.entries(config.resourceLimits ?? {})) {
    if (value !== undefined && !(Number(value) > 0))
      throw invalid(`resourceLimits.${name}`, 'above 0', value)
  }
  const queues = [...tasks.map(({ name }) => name), ...config.commands.map(({ queue }) => queue)]
  if (config.allowRun) queues.push(shellQueue)
  if (queues.length > maxQueues) throw invalid('tasks', `at most ${maxQueues}`, queues.length)
  if (guest && (queues.length > 0 || config.handlers !== undefined || concurrency > 0)) {
    throw new InvalidParametersError('A guest runs nothing: leave tasks and concurrency out')
  }
}

function checkTexts(name: string, texts: readonly string[] | undefined): void {
  if (texts === undefined) return
  if (!Array.isArray(texts) || texts.some(text => typeof text !== 'string' || text === '')) {
    throw new InvalidParametersError(`${name} must be a list of texts`)
  }
  if (texts.length > maxPeers) throw invalid(name, `at most ${maxPeers} long`, texts.length)
}

function checkPath(name: string, path: string | undefined): void {
  if (path === undefined || (typeof path === 'string' && path !== '')) return
  throw invalid(name, 'a path', path)
}

/** Refuses what is no integer from `min` to `max`. */
export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return
  throw invalid(name, `an integer from ${min} to ${max}`, value)
}

/** Refuses what cannot be the name of a queue. */
export function checkQueue(queue: unknown): asserts queue is string {
  if (typeof queue !== 'string' || queue === '') {
    throw new InvalidParametersError('A queue needs a name that is not empty')
  }
  const bytes = Buffer.byteLength(queue)
  if (bytes <= maxQueueBytes) return
  throw new InvalidParametersError(
    `The name of a queue may have ${maxQueueBytes} bytes, not ${bytes}; shorten it`,
  )
}

/** The error of an argument that is not what it must be. */
export function invalid(name: string, expected: string, actual: unknown): InvalidParametersError {
  return new InvalidParametersError(`${name} must be ${expected}, not ${String(actual)}`)
}

function definitionsOf(tasks: Tasks): GivenDefinition[] {
  if (typeof tasks !== 'object') throw invalid('tasks', 'a list or an object', tasks)
  const given: [string | undefined, unknown][] = Array.isArray(tasks)
    ? tasks.map(task => [undefined, task])
    : Object.entries(tasks)
  const definitions = given.map(([name, task]) => definitionOf(name, task))
  const queues = new Set<string>()
  for (const { name, concurrency } of definitions) {
    checkQueue(name)
    if (queues.has(name)) throw new InvalidParametersError(`tasks has ${name} twice`)
    queues.add(name)
    if (concurrency !== undefined) checkInteger('concurrency', concurrency, 0, concurrencyMax)
  }
  return definitions
}

function definitionOf(name: string | undefined, task: unknown): GivenDefinition {
  if (typeof task === 'function' && name !== undefined) {
    const run = task as (input: unknown, ctx: TaskContext) => unknown
    return { name, run: (input, ctx) => run(input, ctx) }
  }
  if (typeof task === 'object' && task !== null && 'run' in task && 'name' in task) {
    const definition = task as GivenDefinition
    if (name === undefined || name === definition.name) return definition
    return { ...definition, name, run: (value, ctx) => definition.run(value, ctx) }
  }
  const which = name === undefined ? '' : `; ${name} is neither`
  throw new InvalidParametersError(
    `tasks must be made with defineTask, or functions by the name of their queue${which}`,
  )
}

function commandsOf(commands: Commands): CommandHandler[] {
  return Object.entries(commands).map(([queue, given]) => {
    checkQueue(queue)
    const { command, concurrency } = typeof given === 'string' ? { command: given } : given
    if (typeof command !== 'string' || command.trim() === '') {
      throw invalid(`The command of ${queue}`, 'a text that is not empty', command)
    }
    if (concurrency !== undefined) checkInteger('concurrency', concurrency, 1, concurrencyMax)
    return { queue, command, concurrency }
  })
}

/**
 * Labels as text, in the order of their names.
 *
 * @throws {InvalidParametersError} A name or a value cannot be one.
 */
export function labelsOf(labels: Labels): Record<string, string> {
  const entries = Object.entries(labels).map(([name, value]) => {
    if (!labelNamePattern.test(name)) {
      throw invalid('The name of a label', 'letters, digits, hyphens, dots', name)
    }
    const text = String(value)
    if (/[\n,]/.test(text)) throw invalid(`Label ${name}`, 'without commas and line ends', text)
    return [name, text] as const
  })
  const bytes = Buffer.byteLength(entries.map(([name, text]) => `${name}=${text}`).join(','))
  if (bytes > maxLabelsBytes) throw invalid('labels', `at most ${maxLabelsBytes} bytes`, bytes)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
