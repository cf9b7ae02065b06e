import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createNode,
  type MeshNode,
  type MeshNodeEvents,
  type MeshNodeInit,
} from '../../src/index.ts'

/** Longest wait of a test for anything, in milliseconds. */
export const patienceMs = 30_000

/** Nodes on 127.0.0.1 that know each other by address, gone when the test is over. */
export class Cluster implements AsyncDisposable {
  readonly mesh = `test-${process.pid}`
  readonly nodes: MeshNode[] = []
  #dir: Promise<string> | undefined

  /** Starts one more node; it knows those before it. */
  async add(init: MeshNodeInit = {}): Promise<MeshNode> {
    const node = await createNode({
      mesh: this.mesh,
      mdns: false,
      concurrency: init.guest === true ? undefined : 2,
      listen: init.guest === true ? undefined : ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: this.nodes.flatMap(({ addresses }) => addresses),
      ...init,
    })
    this.nodes.push(node)
    return node
  }

  /** Starts nodes that are alike, and waits until each is connected to all others. */
  async start(count: number, init: (index: number) => MeshNodeInit = () => ({})) {
    const nodes: MeshNode[] = []
    for (let i = 0; i < count; i++) nodes.push(await this.add(init(i)))
    await Promise.all(nodes.map(node => node.ready({ peers: count - 1 })))
    return nodes
  }

  /** A folder that is removed at the end. */
  async dataDir(name: string): Promise<string> {
    this.#dir ??= mkdtemp(join(tmpdir(), 'meshwork-node-'))
    return join(await this.#dir, name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.nodes.map(node => node.stop()))
    if (this.#dir !== undefined) await rm(await this.#dir, { recursive: true, force: true })
  }
}

/** The details of the next `count` events of a type; attach before what causes them. */
export function events<K extends keyof MeshNodeEvents>(
  node: MeshNode,
  type: K,
  count = 1,
): Promise<MeshNodeEvents[K]['detail'][]> {
  const details: MeshNodeEvents[K]['detail'][] = []
  const { promise, resolve, reject } = Promise.withResolvers<typeof details>()
  const timer = setTimeout(() => {
    reject(new Error(`${details.length} of ${count} ${type} events within ${patienceMs} ms`))
  }, patienceMs)
  const listener = (event: MeshNodeEvents[K]): void => {
    details.push(event.detail)
    if (details.length < count) return
    node.removeEventListener(type, listener)
    clearTimeout(timer)
    resolve(details)
  }
  node.addEventListener(type, listener)
  return promise
}
