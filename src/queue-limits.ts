import { InvalidParametersError } from '@libp2p/interface'
import type { MeshNodeConfig } from './config.ts'
import type { ModuleHandler } from './worker/module-handlers.ts'

/** What serves the queues of a node. */
export type Serving = Pick<MeshNodeConfig, 'tasks' | 'commands'> & {
  readonly modules: readonly ModuleHandler[]
}

/**
 * The same with the limits that the node sets its queues, whatever their definitions say.
 *
 * @throws {InvalidParametersError} A limit is of a queue that nothing serves.
 */
export function limitQueues(
  { tasks, commands, modules }: Serving,
  limits: MeshNodeConfig['queueConcurrency'],
): Serving {
  const unused = new Set(Object.keys(limits))
  const of = (queue: string, own: number | undefined): number | undefined => {
    unused.delete(queue)
    return limits[queue] ?? own
  }
  const limited = {
    tasks: tasks.map(task => ({
      ...task,
      concurrency: of(task.name, task.concurrency),
      run: task.run.bind(task),
    })),
    commands: commands.map(it => ({ ...it, concurrency: of(it.queue, it.concurrency) })),
    modules: modules.map(it => ({ ...it, concurrency: of(it.queue, it.concurrency) })),
  }
  const [queue] = unused
  if (queue === undefined) return limited
  throw new InvalidParametersError(
    `queueConcurrency limits queue ${queue}, which this node does not serve`,
  )
}
