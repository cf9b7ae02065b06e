import { InvalidParametersError } from '@libp2p/interface'
import { shellQueue } from '../shell/task.ts'
import type { CommandHandler } from './command-runner.ts'
import { checkQueue, type TaskDefinitionLike } from './definition.ts'
import type { ModuleHandler } from './module-handlers.ts'
import type { WorkerInit } from './worker-init.ts'

/**
 * Who runs a queue: a definition on the main loop, a module's export elsewhere, a command, or
 * the command that each task brings.
 */
export type LaneHandler =
  | { readonly type: 'inline'; readonly definition: TaskDefinitionLike }
  | { readonly type: 'module'; readonly handler: ModuleHandler }
  | { readonly type: 'command'; readonly handler: CommandHandler }
  | { readonly type: 'shell' }

/** One queue that is served here. */
export class Lane {
  readonly queue: string
  readonly handler: LaneHandler
  /** Runs of the queue at the same time. */
  readonly concurrency: number
  /** Slots not in use. */
  free: number
  /** When it was last said that a handler blocks the loop, in milliseconds. */
  warnedAt = -Infinity

  constructor(queue: string, handler: LaneHandler, concurrency: number) {
    this.queue = queue
    this.handler = handler
    this.concurrency = concurrency
    this.free = concurrency
  }
}

type QueuesInit = Pick<
  WorkerInit,
  'concurrency' | 'definitions' | 'modules' | 'commands' | 'shellRuns'
>

/**
 * The queues that a worker serves, each once.
 *
 * @throws {InvalidParametersError} Two handlers have the same queue, or a queue is none.
 */
export function lanesOf(init: QueuesInit): Map<string, Lane> {
  const lanes = new Map<string, Lane>()
  if (init.concurrency <= 0) return lanes
  const add = (queue: string, handler: LaneHandler, concurrency = init.concurrency): void => {
    checkQueue(queue)
    if (lanes.has(queue)) {
      throw new InvalidParametersError(`Queue ${queue} has more than one handler`)
    }
    if (!(concurrency >= 1)) {
      throw new InvalidParametersError(`concurrency of queue ${queue} must be at least 1`)
    }
    lanes.set(queue, new Lane(queue, handler, Math.min(concurrency, init.concurrency)))
  }
  for (const definition of init.definitions) {
    add(definition.name, { type: 'inline', definition }, definition.concurrency)
  }
  for (const handler of init.modules ?? []) {
    add(handler.queue, { type: 'module', handler }, handler.concurrency)
  }
  for (const handler of init.commands ?? []) {
    checkCommand(handler)
    add(handler.queue, { type: 'command', handler }, handler.concurrency)
  }
  if (init.shellRuns !== undefined) add(shellQueue, { type: 'shell' })
  return lanes
}

/** The queues that a worker of this init serves, and how many of each run at the same time. */
export function servedQueues(
  init: QueuesInit,
): { readonly queue: string; readonly concurrency: number }[] {
  return [...lanesOf(init).values()].map(({ queue, concurrency }) => ({ queue, concurrency }))
}

function checkCommand({ queue, command }: CommandHandler): void {
  if (typeof command === 'string' && command.trim() !== '' && !command.includes('\0')) return
  throw new InvalidParametersError(`The command of queue ${queue} must be a text that is not empty`)
}
