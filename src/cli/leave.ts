import type { MeshNode } from '../index.ts'
import type { Output } from './output.ts'

/** What has become of a node's runs so far. */
export interface Runs {
  readonly held: number
  readonly finished: number
  readonly released: number
}

/**
 * Lets a node claim nothing more, give back what has not started, and finish what runs. What has
 * not ended after `drainMs` is given back when the node stops. Nothing of it costs a task an
 * attempt. Returns how things stood before.
 */
export async function drain(node: MeshNode, drainMs: number, output: Output): Promise<Runs> {
  const before = runsOf(node)
  output.note('finishing what runs; press Ctrl-C again to stop at once')
  output.result({ event: 'draining', held: before.held }, undefined)
  await node.drain({ signal: AbortSignal.timeout(drainMs) }).catch(() => undefined)
  const { held } = runsOf(node)
  if (held > 0) {
    output.warn(`${tasks(held)} did not end within ${drainMs / 1_000} s and will run elsewhere`)
  }
  return before
}

/** Says that a node is down, and what has become of its runs since it began to leave. */
export function showDown(node: MeshNode, before: Runs, output: Output): void {
  const after = runsOf(node)
  const finished = after.finished - before.finished
  const released = after.released - before.released
  output.result(
    { event: 'down', finished, released },
    `down   finished ${tasks(finished)}, gave ${tasks(released)} back`,
  )
}

function runsOf(node: MeshNode): Runs {
  const { runsHeld = 0, runsFinished = 0, runsReleased = 0 } = node.metrics()
  return { held: runsHeld, finished: runsFinished, released: runsReleased }
}

function tasks(count: number): string {
  return count === 1 ? '1 task' : `${count} tasks`
}
