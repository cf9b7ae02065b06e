import { MessageChannel, parentPort, threadId, workerData } from 'node:worker_threads'
import { HandlerHost } from './handler-host.ts'
import type { Outcome } from './outcome.ts'
import type { LineOpened, ThreadData, ThreadTask, ToThread } from './thread-messages.ts'

// The pool's own channel carries tasks and results only, so this one carries all else.
const { port1: line, port2: port } = new MessageChannel()
const host = new HandlerHost(workerData as ThreadData, message => line.postMessage(message))
line.on('message', (message: ToThread) => host.hear(message))
const opened: LineOpened = { type: 'meshwork:line', thread: threadId, port }
parentPort?.postMessage(opened, [port])

/** Runs one task in this thread. */
export function runTask(task: ThreadTask): Promise<Outcome> {
  return host.run(task)
}
