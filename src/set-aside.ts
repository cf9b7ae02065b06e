import type { SetAside } from './driver/ports.ts'
import type { SetAsideDetail } from './events.ts'

/** What is told of a storage that was set aside. */
export function setAsideDetail(setAside: SetAside): SetAsideDetail {
  const { storageId, problem, folder, losses } = setAside
  return {
    storageId,
    problem,
    folder,
    tasksLost: losses.tasks,
    resultsLost: losses.results,
    tasksShared: losses.shared,
    tasksUnclear: losses.unclear,
    message: textOf(setAside),
  }
}

function textOf({ problem, folder, losses }: SetAside): string {
  const { tasks, results, shared, unclear } = losses
  const lost = [
    ...(tasks > 0 ? [`${counted(tasks, 'open task')} (publish again what you need)`] : []),
    ...(results > 0 ? [counted(results, 'result')] : []),
  ]
  return [
    `the storage had lost something: ${problem}`,
    `it is kept in ${folder}, and the node goes on with a new one`,
    lost.length > 0
      ? `lost, as nobody else kept them: at least ${lost.join(' and ')}`
      : 'nothing is known to be lost',
    ...(shared > 0 ? [`${counted(shared, 'open task')} that others keep, too, go on there`] : []),
    ...(unclear > 0 ? [`who else keeps ${counted(unclear, 'open task')} cannot be told`] : []),
  ].join('; ')
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
