import { setImmediate, setTimeout } from 'node:timers'
import type { Handlers } from './handlers.ts'

/* Taken when this is loaded, so that the fake timers of a test runner do not stop them. */
const soon = setImmediate
const after = setTimeout
const nowMs = performance.now.bind(performance)

/** How long the process must be idle until a handler is taken to wait for something virtual. */
const idleMs = 10
const idleTimes = 2

/** Share of that time in which the process may compute and still counts as idle. */
const idleShare = 0.3

/** Watches whether anything real goes on, for as long as which virtual time stands still. */
export class RealWork {
  readonly #handlers: Handlers
  readonly #limitMs: number
  #before = new Map<string, number>()

  /** Real work that takes longer than `limitMs` is an error. */
  constructor(handlers: Handlers, limitMs: number) {
    this.#handlers = handlers
    this.#limitMs = limitMs
  }

  /** What goes on now is none of the cluster's business: it belongs to the test, or its runner. */
  begin(): void {
    this.#before = countsOf(process.getActiveResourcesInfo())
  }

  /**
   * Resolves when nothing real goes on any more that has begun since `begin`, and what handlers
   * have returned is handed on.
   */
  async quiet(): Promise<void> {
    const began = nowMs()
    for (;;) {
      await turn()
      const active = this.#active()
      if (active.length > 0) {
        this.#checkLimit(began, active.join(', '))
        await pause(1)
      } else if (this.#handlers.areBusy && !(await this.#isIdle())) {
        this.#checkLimit(began, 'a handler')
      } else if (!this.#handlers.handOn()) return
    }
  }

  /** What keeps the event loop alive, and did not before. */
  #active(): string[] {
    const counts = countsOf(process.getActiveResourcesInfo())
    return [...counts].flatMap(([name, count]) =>
      count > (this.#before.get(name) ?? 0) ? [name] : [],
    )
  }

  /**
   * Whether handlers that have not ended wait for something virtual: nothing keeps the loop alive,
   * and no thread computes.
   */
  async #isIdle(): Promise<boolean> {
    for (let time = 0; time < idleTimes; time++) {
      const { user, system } = process.cpuUsage()
      const began = nowMs()
      await pause(idleMs)
      if (!this.#handlers.areBusy || this.#active().length > 0) return false
      const used = process.cpuUsage()
      const usedMs = (used.user + used.system - user - system) / 1_000
      if (usedMs > idleShare * (nowMs() - began)) return false
    }
    this.#handlers.takeAsIdle()
    return true
  }

  #checkLimit(began: number, what: string): void {
    if (nowMs() - began < this.#limitMs) return
    throw new Error(
      `Virtual time has stood still for ${this.#limitMs} ms since real work goes on (${what}); ` +
        `let handlers wait with cluster.sleep(), or raise realWorkMs`,
    )
  }
}

function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

function turn(): Promise<void> {
  return new Promise(resolve => {
    soon(resolve)
  })
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    after(resolve, ms)
  })
}
