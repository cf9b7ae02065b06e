import type { MeshNode } from '../../index.ts'
import type { PublishedReply } from '../requests.ts'
import { Commands } from './commands.ts'
import type { RunReply, RunRequest } from './requests.ts'
import { untilCommandsServed } from './served-commands.ts'

/**
 * Runs the commands that follow, somewhere in the mesh. Should nobody want to hear of them any
 * more, they are cancelled.
 *
 * @throws {NobodyRunsError} No node has been found in time that runs them.
 * @throws {NoMajorityError} Too few voters have taken them in time.
 * @throws {UsageError} A file that is to be sent cannot be read.
 */
export async function* run(
  node: MeshNode,
  request: RunRequest,
  inputs: AsyncIterable<readonly unknown[]>,
  signal: AbortSignal,
): AsyncGenerator<readonly (RunReply | PublishedReply)[]> {
  const { options, waitTimeoutMs: timeoutMs } = request
  await untilCommandsServed(node, { requires: options.requires, timeoutMs, signal })
  const commands = new Commands(node, request, signal)
  commands.take(inputs)
  try {
    yield* commands.replies
  } finally {
    await commands.stop()
  }
}
