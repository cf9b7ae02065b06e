import type { Report } from './core/effects.ts'
import { type PeerId, taskId } from './core/ids.ts'
import { TaskLostError } from './errors.ts'
import type { LocalTasks } from './local-tasks.ts'
import type { PeerQueries } from './peer-queries.ts'
import { delay, type Timers } from './time/timers.ts'
import type { Watches } from './watches.ts'

/** How often, and how long after each other, others are asked whether they keep a task. */
const looks = 3
const lookEveryMs = 2_000

export interface LostTasksInit {
  readonly watches: Watches
  readonly local: LocalTasks
  readonly queries: PeerQueries
  /** Full nodes that are connected now. */
  peers(): readonly PeerId[]
  readonly timers: Timers
}

/**
 * Ends waits that nothing could end: when a node comes back without what it had kept, and none of
 * those that are connected keeps the task, either.
 */
export class LostTasks {
  readonly #init: LostTasksInit

  constructor(init: LostTasksInit) {
    this.#init = init
  }

  report({ event }: Report): void {
    if (event.type === 'storage-changed') void this.#lookAfter(event.peer)
  }

  async #lookAfter(peer: PeerId): Promise<void> {
    const { watches, local, timers } = this.#init
    const missing = new Map<string, number>()
    for (let look = 0; look < looks; look++) {
      // Who knows the task may be about to connect.
      await delay(timers, lookEveryMs)
      for (const { ledger, seq } of watches.someOfEach()) {
        if (local.knows(ledger) || !(await this.#isNowhere(taskId(ledger, seq)))) continue
        const times = (missing.get(ledger) ?? 0) + 1
        missing.set(ledger, times)
        if (times === looks) watches.lost(ledger, id => new TaskLostError(id, peer))
      }
    }
  }

  /** Whether every node that is connected says that it does not know the task. */
  async #isNowhere(id: string): Promise<boolean> {
    const asked = new Set(this.#init.peers())
    if (asked.size === 0) return false
    for await (const { peer, answer } of this.#init.queries.askAll<'task'>({ type: 'task', id })) {
      if (answer.task !== undefined) return false
      asked.delete(peer)
    }
    return asked.size === 0
  }
}
