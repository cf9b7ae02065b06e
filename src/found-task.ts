import { hasEnded } from './core/generations.ts'
import type { TaskInfo } from './task-info.ts'

/** What one node knows of a task. */
export interface FoundTask {
  readonly task: TaskInfo
  /**
   * Whether a majority of its voters is out of that node's reach, so that another node may have
   * published it anew.
   */
  readonly alone: boolean
}

/** Whether no other node needs to be asked. */
export function isSure({ task, alone }: FoundTask): boolean {
  return !alone || hasEnded(task.state)
}

/** Which generation it is, counted from 1; 0 of no task. */
export function generationOf(found: FoundTask | undefined): number {
  return found === undefined ? 0 : (found.task.generation ?? 1)
}
