import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { JsonProcess, type JsonLine } from './json-process.ts'
import type { Colour } from './poster.ts'

const root = join(import.meta.dirname, '..', '..')
const cli = join(root, 'dist', 'cli', 'main.js')
const handlers = join(import.meta.dirname, 'handlers.ts')

/** How long nodes may take to start, and to meet where an address is given, in milliseconds. */
const startMs = 30_000
/** How long multicast may take before the demo goes on without, in milliseconds. */
const multicastMs = 3_000
/** How long a node may take to leave, in milliseconds. */
const leaveMs = 15_000

const looks: readonly { readonly name: string; readonly tint: Colour }[] = [
  { name: 'amber', tint: [232, 150, 48] },
  { name: 'teal', tint: [36, 160, 160] },
  { name: 'violet', tint: [140, 96, 220] },
]

/** One node of the demo: a real `meshwork up` with a data directory of its own. */
export interface DemoNode {
  readonly name: string
  readonly tint: Colour
  readonly dataDir: string
  readonly process: JsonProcess
  readonly peerId: string
  readonly addresses: readonly string[]
}

/** The three nodes of the demo. */
export class DemoMesh implements AsyncDisposable {
  /** A name and a secret of its own, so that a LAN full of demos is no trouble. */
  readonly #mesh = `poster-${randomBytes(4).toString('hex')}`
  readonly #env = { MESHWORK_SECRET: randomBytes(32).toString('base64url') }
  readonly #folder: string
  #nodes: DemoNode[] = []
  killed: DemoNode | undefined

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async start(folder: string, say: (text: string) => void): Promise<DemoMesh> {
    const mesh = new DemoMesh(folder)
    try {
      mesh.#nodes = await Promise.all(looks.map(look => mesh.#up(look, [])))
    } catch (error) {
      await mesh[Symbol.asyncDispose]()
      throw error
    }
    say(`Three nodes are up:`)
    for (const node of mesh.#nodes) {
      say(`  ${node.name.padEnd(7)} process ${node.process.pid}, peer ${node.peerId}`)
    }
    return mesh
  }

  get nodes(): readonly DemoNode[] {
    return this.#nodes
  }

  /** The one that the batch is published from; it works, too. */
  get publisher(): DemoNode {
    const [first] = this.#nodes
    if (first === undefined) throw new Error('There are no nodes')
    return first
  }

  /** Waits until all know each other: by multicast, or else by an address that they are given. */
  async meet(say: (text: string) => void): Promise<void> {
    const since = performance.now()
    try {
      await this.#allMet(multicastMs)
      const ms = Math.round(performance.now() - since)
      say(`They have found each other by mDNS, ${ms} ms after the last was up.`)
    } catch {
      say('No multicast to be had here within 3 s: going on with --bootstrap.')
      const { publisher } = this
      const others = this.#nodes.slice(1)
      await Promise.all(others.map(node => node.process.end(leaveMs)))
      const restarted = others.map(look => this.#up(look, publisher.addresses))
      this.#nodes = [publisher, ...(await Promise.all(restarted))]
      await this.#allMet(startMs)
      say('They have found each other.')
    }
  }

  /** Ends a node as a power cut would. */
  kill(node: DemoNode): void {
    node.process.kill('SIGKILL')
    this.killed = node
  }

  /** A process of the command line that talks to the publisher. */
  command(args: readonly string[], input: string): JsonProcess {
    const all = [cli, ...args, '--json', '--data', this.publisher.dataDir]
    return new JsonProcess(process.execPath, all, { env: this.#env, input })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map(node => node.process.end(leaveMs)))
  }

  async #up(
    { name, tint }: { readonly name: string; readonly tint: Colour },
    bootstrap: readonly string[],
  ): Promise<DemoNode> {
    const dataDir = join(this.#folder, name)
    const args = ['up', handlers, '--json', '--mesh', this.#mesh, '--data', dataDir]
    const known = bootstrap.flatMap(address => ['--bootstrap', address])
    const node = new JsonProcess(process.execPath, [cli, ...args, ...known], { env: this.#env })
    const line = await node.when(`${name} starts`, ({ event }) => event === 'up', startMs)
    const { peerId, addresses } = line as UpLine
    return { name, tint, dataDir, process: node, peerId, addresses }
  }

  async #allMet(timeoutMs: number): Promise<void> {
    const meetings = this.#nodes.flatMap(node =>
      this.#nodes
        .filter(other => other !== node)
        .map(other =>
          node.process.when(
            `${node.name} meets ${other.name}`,
            ({ event, peerId }) => event === 'peer:joined' && peerId === other.peerId,
            timeoutMs,
          ),
        ),
    )
    const results = await Promise.allSettled(meetings)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }
}

type UpLine = JsonLine & { readonly peerId: string; readonly addresses: readonly string[] }
