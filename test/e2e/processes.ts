import { mkdirSync, mkdtempSync, rmSync, watch } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { JsonProcess, type Exit, type JsonLine } from '../../scripts/demo/json-process.ts'

export type { JsonLine } from '../../scripts/demo/json-process.ts'

/** Longest wait for a process to start, to meet others, or to leave, in milliseconds. */
export const patienceMs = 60_000

/** Longest wait for a batch of tasks, in milliseconds: a lease may have to be waited out. */
export const batchMs = 120_000

/** The queues of `handlers/work.ts`. */
export const workHandlers = join(import.meta.dirname, 'handlers')

const root = join(import.meta.dirname, '..', '..')
/** The command, as it is built. */
export const cli = process.env['MESHWORK_CLI'] ?? join(root, 'dist', 'cli', 'main.js')

/** How a node process is started. */
export interface UpOptions {
  /** Data directory; one of its own under the node's name unless given. */
  readonly dataDir?: string
  readonly handlers?: string
  readonly concurrency?: number
  readonly bootstrap?: readonly UpNode[]
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Words before the command, such as those that enter another network namespace. */
  readonly within?: readonly string[]
  /** Leave it to the node to find its addresses and the others. */
  readonly discover?: boolean
}

/** A running `meshwork up`. */
export interface UpNode {
  readonly name: string
  readonly process: JsonProcess
  readonly dataDir: string
  readonly peerId: string
  readonly addresses: readonly string[]
}

/** How a command has ended. */
export interface Run extends Exit {
  readonly lines: readonly JsonLine[]
  readonly stdout: string
  readonly stderr: string
}

/** What a command gets besides its arguments. */
export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly within?: readonly string[]
  /** Its working folder; an empty one unless given. */
  readonly cwd?: string
}

/** A place for process tests: a folder and processes, all gone when it is disposed of. */
export class Testbed implements AsyncDisposable {
  readonly folder: string
  readonly #processes = new Set<JsonProcess>()
  readonly #remove = (): void => rmSync(this.folder, { recursive: true, force: true })

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'meshwork-test-'))
    mkdirSync(join(this.folder, 'empty'))
    process.once('exit', this.#remove)
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Starts a node and waits until it is up. */
  async up(name: string, options: UpOptions = {}): Promise<UpNode> {
    const dataDir = options.dataDir ?? this.path(name)
    const process = this.spawnUp(dataDir, options)
    const line = await process.when(`${name} starts`, ({ event }) => event === 'up', patienceMs)
    const { peerId, addresses } = line as JsonLine & Pick<UpNode, 'peerId' | 'addresses'>
    return { name, process, dataDir, peerId, addresses }
  }

  /** Starts a node that may well not come up. */
  spawnUp(dataDir: string, options: UpOptions = {}): JsonProcess {
    const { handlers, concurrency, bootstrap = [], args = [], discover = false } = options
    const words = ['up', ...(handlers === undefined ? [] : [handlers]), '--json', '--data', dataDir]
    if (concurrency !== undefined) words.push('--concurrency', String(concurrency))
    if (!discover) words.push('--no-mdns')
    if (!discover && !args.includes('--listen')) words.push('--listen', '/ip4/127.0.0.1/tcp/0')
    for (const node of bootstrap) {
      for (const address of node.addresses) words.push('--bootstrap', address)
    }
    return this.spawn([...words, ...args], options)
  }

  /** Starts nodes one after the other, each told of those before it, and waits until all met. */
  async mesh(options: Readonly<Record<string, UpOptions>>): Promise<UpNode[]> {
    const nodes: UpNode[] = []
    for (const [name, own] of Object.entries(options)) {
      nodes.push(await this.up(name, { bootstrap: nodes.slice(0, 1), ...own }))
    }
    await allMet(nodes)
    return nodes
  }

  /** Starts a command and lets it run. */
  spawn(args: readonly string[], options: RunOptions = {}): JsonProcess {
    const { input, env, within = [], cwd = this.path('empty') } = options
    const [program = '', ...rest] = [...within, process.execPath, cli, ...args]
    const child = new JsonProcess(program, rest, {
      cwd,
      env: { MESHWORK_SECRET: '', ...env },
      input,
    })
    this.#processes.add(child)
    return child
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    const child = this.spawn(args, options)
    const timer = setTimeout(() => child.kill('SIGKILL'), batchMs)
    const exit = await child.exited
    clearTimeout(timer)
    this.#processes.delete(child)
    const { lines, stdout, stderr } = child
    return { ...exit, lines, stdout, stderr }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A stopped process would not take a signal that it could handle.
    await Promise.all([...this.#processes].map(child => child.end(0, 'SIGKILL').catch(() => null)))
    process.off('exit', this.#remove)
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Waits until each node has a control stream to each other. */
export async function allMet(nodes: readonly UpNode[], timeoutMs = patienceMs): Promise<void> {
  for (const node of nodes) {
    for (const other of nodes) if (other !== node) await met(node, other, timeoutMs)
  }
}

/** Waits until one node has a control stream to another. */
export async function met(node: UpNode, other: UpNode, timeoutMs = patienceMs): Promise<void> {
  await node.process.when(
    `${node.name} meets ${other.name}`,
    ({ event, peerId }) => event === 'peer:joined' && peerId === other.peerId,
    timeoutMs,
  )
}

/** Lines of NDJSON for stdin. */
export function ndjson(inputs: readonly unknown[]): string {
  return inputs.map(input => `${JSON.stringify(input)}\n`).join('')
}

/** Makes a folder below a testbed's. */
export async function makeFolder(bed: Testbed, name: string): Promise<string> {
  const folder = bed.path(name)
  await mkdir(folder, { recursive: true })
  return folder
}

/** Waits until a file has come to contain a text. */
export async function untilContains(file: string, text: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const check = async (): Promise<void> => {
    if ((await readFile(file, 'utf8').catch(() => '')).includes(text)) resolve()
  }
  const watcher = watch(dirname(file), () => void check())
  const timer = setTimeout(() => reject(new Error(`${file} lacks ${text}`)), batchMs)
  try {
    await check()
    await promise
  } finally {
    clearTimeout(timer)
    watcher.close()
  }
}
