import type { ResourceLimits } from 'node:worker_threads'
import { HandlerProcess } from './handler-process.ts'
import { OrphanGuard } from './orphan-guard.ts'
import type { Outcome } from './outcome.ts'
import type { Place, Places } from './place.ts'
import type { FromThread, ThreadData, ThreadTask } from './thread-messages.ts'

export interface ProcessesInit {
  readonly data: ThreadData
  /** Time after which a process without work ends, in milliseconds. */
  readonly idleMs: number
  /** Time that handlers have to end when the node has died, in milliseconds. */
  readonly graceMs: number
  readonly resourceLimits: ResourceLimits | undefined
  heard(message: FromThread, place: Place): void
}

/** Longest wait for all processes to be gone, in milliseconds. */
const exitMs = 2_000

/** Processes that run handlers, as many as there are runs at the same time. */
export class Processes implements Places<ThreadTask, Outcome> {
  readonly #init: ProcessesInit
  readonly #guard: OrphanGuard
  readonly #all = new Set<HandlerProcess>()
  /** Those without work, and when each is dismissed. The one that worked last works next. */
  readonly #idle = new Map<HandlerProcess, NodeJS.Timeout>()

  constructor(init: ProcessesInit) {
    this.#init = init
    this.#guard = new OrphanGuard({ graceMs: init.graceMs })
  }

  all(): readonly Place[] {
    return [...this.#all]
  }

  async run(task: ThreadTask, signal: AbortSignal): Promise<Outcome> {
    for (;;) {
      signal.throwIfAborted()
      const idle = this.#takeIdle()
      const place = idle ?? this.#start()
      const end = (): void => place.end()
      signal.addEventListener('abort', end)
      try {
        return await place.run(task)
      } catch (error) {
        // One that has died of what it did before is no fault of this task.
        if (idle === undefined || place.hasStarted) throw error
      } finally {
        signal.removeEventListener('abort', end)
        this.#rest(place)
      }
    }
  }

  async stop(): Promise<void> {
    const all = [...this.#all]
    for (const place of all) {
      if (this.#idle.has(place)) place.dismiss()
      else place.end()
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      for (const place of this.#all) place.end()
      resolve()
    }, exitMs)
    await Promise.race([Promise.all(all.map(place => place.gone())), promise])
    clearTimeout(timer)
    await this.#guard.stop()
  }

  #takeIdle(): HandlerProcess | undefined {
    const [idle] = [...this.#idle.keys()].slice(-1)
    if (idle === undefined) return undefined
    clearTimeout(this.#idle.get(idle))
    this.#idle.delete(idle)
    return idle
  }

  #rest(place: HandlerProcess): void {
    if (!place.isAlive) return
    const timer = setTimeout(() => {
      this.#idle.delete(place)
      place.dismiss()
    }, this.#init.idleMs).unref()
    this.#idle.set(place, timer)
  }

  #start(): HandlerProcess {
    const place = new HandlerProcess(this.#init)
    this.#all.add(place)
    if (place.id !== undefined) this.#guard.add(place.id)
    void this.#forget(place)
    return place
  }

  async #forget(place: HandlerProcess): Promise<void> {
    await place.gone()
    this.#all.delete(place)
    clearTimeout(this.#idle.get(place))
    this.#idle.delete(place)
    if (place.id !== undefined) this.#guard.delete(place.id)
  }
}
