import { setTimeout as delay } from 'node:timers/promises'
import type { MeshNode } from '../index.ts'
import { NobodyServesError } from './errors.ts'

/** How long a node that has just joined may take to learn who serves what, in milliseconds. */
const learnMs = 2_000
const pollMs = 100

/** What to look out for, and how long. */
export interface ServedOptions {
  readonly queue: string
  /** When to give up, in milliseconds; 0 to stop with the warning. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Called once, when nobody is known who serves the queue. */
  readonly warn: () => void
}

/**
 * Resolves when a node that is known serves the queue.
 *
 * @throws {NobodyServesError} None came in time.
 */
export async function untilServed(node: MeshNode, options: ServedOptions): Promise<void> {
  const { queue, timeoutMs, signal, warn } = options
  const start = performance.now()
  let warned = false
  const own = { served: false }
  // Asking the node about itself asks the others, too, which may take its time.
  ownQueues(node, signal).then(
    queues => (own.served = queues.includes(queue)),
    () => undefined,
  )

  while (!own.served && !isServedByPeer(node, queue)) {
    const waitedMs = performance.now() - start
    if (!warned && waitedMs >= Math.min(learnMs, timeoutMs || learnMs)) {
      warned = true
      warn()
      if (timeoutMs === 0) return
    }
    if (timeoutMs > 0 && waitedMs >= timeoutMs) throw new NobodyServesError(queue, timeoutMs)
    await delay(pollMs, undefined, { signal })
  }
}

/** The queues that a node itself serves. */
export async function ownQueues(node: MeshNode, signal: AbortSignal): Promise<readonly string[]> {
  const nodes = await node.nodes({ signal })
  return nodes.find(info => info.peerId === node.peerId)?.queues ?? []
}

function isServedByPeer(node: MeshNode, queue: string): boolean {
  return node.peers().some(peer => peer.connected && peer.queues.includes(queue))
}
