import { performance as hooks } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers'
import type { Handlers } from './handlers.ts'

/* Taken when this is loaded, so that the fake timers of a test runner do not stop them. */
const soon = setImmediate
const after = setTimeout
const nowMs = performance.now.bind(performance)

/**
 * How long the process must be idle until a handler is taken to wait for something virtual. Not everything
 * that threads do can be seen but by the processor time that they take, which on a busy machine comes in
 * slices that are some 20 ms apart.
 */
const idleMs = 10
const idleTimes = 5

/**
 * The same where something is open on which an answer may come: when all handlers listen for their
 * signals, and when nothing tells that any waits for something virtual.
 */
const idleTimesListening = 25
const idleTimesAnswered = 100

/** What may bring an answer, and stay open for the next one. */
const answering = ['TCPSocketWrap', 'TLSWrap', 'PipeWrap', 'MessagePort', 'ProcessWrap']

/** Share of that time in which the process may compute and still counts as idle. */
const idleShare = 0.1

/** What may stay open when whoever opened it is not at work any more, such as a connection kept for the next request. */
const kept: ReadonlySet<string> = new Set([
  ...['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap', 'UDPWrap', 'PipeWrap', 'PipeServerWrap'],
  ...['TTYWrap', 'ProcessWrap', 'MessagePort', 'CloseReq'],
])

/** The same when nobody is at work at all. */
const idle: ReadonlySet<string> = new Set([...kept, 'Timeout', 'Immediate'])

const nothing: ReadonlySet<string> = new Set()

/** Timers of this file that are due, of whichever cluster: they are nobody's work. */
const own = new Map([
  ['Timeout', 0],
  ['Immediate', 0],
])

/** What the process had open before any cluster. */
const atFirst = activeNow()

/** Threads that were started since; they may answer though they keep no process alive. */
let threads = 0
process.on('worker', thread => {
  threads += 1
  thread.once('exit', () => (threads -= 1))
})

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

  /**
   * What goes on now is none of the cluster's business: it belongs to the test, or its runner. Unless a
   * handler is at work, which may be what goes on.
   */
  begin(): void {
    if (!this.#handlers.areBusy) this.#before = activeNow()
  }

  /**
   * Resolves when nothing real goes on any more that has begun since `begin`, and what handlers
   * have returned is handed on; or when nobody waits for that any more.
   */
  async quiet(isWanted: () => boolean): Promise<void> {
    const began = nowMs()
    while (isWanted()) {
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

  /** What keeps the event loop alive, and did not before; and what else handlers wait for. */
  #active(): string[] {
    const { areBusy, haveOpened, haveTimers, haveRequests } = this.#handlers
    const mayStay = !areBusy ? idle : haveOpened ? nothing : kept
    const active = [...activeNow()].flatMap(([name, count]) => {
      const isNew = count > (this.#before.get(name) ?? 0)
      return isNew && !mayStay.has(name) ? [name] : []
    })
    if (haveTimers && !active.includes('Timeout')) active.push('Timeout')
    return haveRequests ? [...active, 'a request'] : active
  }

  /**
   * Whether handlers that have not ended wait for something virtual: nothing keeps the loop alive,
   * and no thread computes.
   */
  async #isIdle(): Promise<boolean> {
    for (let time = 0; time < this.#idleTimes(); time++) {
      const { user, system } = process.cpuUsage()
      const before = hooks.eventLoopUtilization()
      const began = nowMs()
      await pause(idleMs)
      if (!this.#handlers.areBusy || this.#active().length > 0) return false
      const used = process.cpuUsage()
      const usedMs = (used.user + used.system - user - system) / 1_000
      if (usedMs > idleShare * (nowMs() - began)) return false
      // On a busy machine there may be work to be done that gets no processor.
      if (hooks.eventLoopUtilization(before).utilization > idleShare) return false
    }
    this.#handlers.takeAsIdle()
    return true
  }

  #idleTimes(): number {
    const now = activeNow()
    const isOpen = answering.some(name => (now.get(name) ?? 0) > (atFirst.get(name) ?? 0))
    if (!isOpen && threads === 0) return idleTimes
    return this.#handlers.allListen ? idleTimesListening : idleTimesAnswered
  }

  #checkLimit(began: number, what: string): void {
    if (nowMs() - began < this.#limitMs) return
    throw new Error(
      `Virtual time has stood still for ${this.#limitMs} ms since real work goes on (${what}); ` +
        `let handlers wait with cluster.sleep(), or raise realWorkMs`,
    )
  }
}

/** What keeps the event loop alive, but for the timers of this file. */
function activeNow(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  for (const [name, count] of own) counts.set(name, (counts.get(name) ?? 0) - count)
  return counts
}

function turn(): Promise<void> {
  return timed('Immediate', resolve => soon(resolve))
}

function pause(ms: number): Promise<void> {
  return timed('Timeout', resolve => after(resolve, ms))
}

async function timed(name: string, set: (resolve: () => void) => void): Promise<void> {
  const add = (count: number): void => void own.set(name, (own.get(name) ?? 0) + count)
  add(1)
  await new Promise<void>(resolve => {
    set(() => {
      add(-1)
      resolve()
    })
  })
}
