import { setTimeout as delay } from 'node:timers/promises'
import type { MeshNode, PublishOptions } from '../../index.ts'
import { shellQueue } from '../../shell/task.ts'
import { NobodyRunsError, NobodyServesError } from '../errors.ts'
import { untilServed } from '../served.ts'

const pollMs = 500

export interface ServedCommandsOptions {
  readonly requires: PublishOptions['requires']
  /** When to give up, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Resolves when a node that is known runs the commands of others, and has the labels.
 *
 * @throws {NobodyRunsError} None came in time.
 */
export async function untilCommandsServed(
  node: MeshNode,
  { requires, timeoutMs, signal }: ServedCommandsOptions,
): Promise<void> {
  const labels = Object.entries(requires?.labels ?? {})
  const until = performance.now() + timeoutMs
  const warn = (): void => undefined
  try {
    await untilServed(node, { queue: shellQueue, timeoutMs, signal, warn })
  } catch (error) {
    if (!(error instanceof NobodyServesError)) throw error
    throw new NobodyRunsError([], { cause: error })
  }
  while (labels.length > 0) {
    const nodes = await node.nodes({ signal })
    const isFit = nodes.some(
      ({ queues, labels: own }) =>
        queues.includes(shellQueue) && labels.every(([name, value]) => own[name] === String(value)),
    )
    if (isFit) return
    if (performance.now() >= until) {
      throw new NobodyRunsError(labels.map(([name, value]) => `${name}=${String(value)}`))
    }
    await delay(pollMs, undefined, { signal })
  }
}
