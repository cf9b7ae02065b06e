import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import type { GivenDefinition } from '../config.ts'
import type { TaskContext } from '../worker/definition.ts'
import { isThenable } from '../worker/execute.ts'
import { maxReportBytes } from '../worker/reporter.ts'
import { HandlerResources, hasTimer, type Owner } from './handler-resources.ts'

/** A call of a handler. */
interface Call extends Owner {
  /** How much of what it waits for is virtual. */
  waits: number
  /** It has given a promise. */
  isLong: boolean
  /** Its signal, once it has asked for it. */
  signal: AbortSignal | undefined
  /** What it has reported since it gave its promise, and what is not handed on yet. */
  readonly reports: (() => void)[]
  /** Hands on how it has ended; undefined while it has not. */
  end: (() => void) | undefined
}

/**
 * The handlers that are at work. What they report and return is handed on when none of them does
 * real work any more, in the order in which they began: how long real work takes changes nothing.
 */
export class Handlers {
  readonly #calls = new Set<Call>()
  readonly #current = new AsyncLocalStorage<Call>()
  readonly #resources = new HandlerResources(() => this.#current.getStore())

  /** The same definition, its handler watched. */
  watch(definition: GivenDefinition): GivenDefinition {
    return { ...definition, run: (input, ctx) => this.#run(definition, input, ctx) }
  }

  /** Waits for something virtual; it is told whether it is the test that waits, not a handler. */
  async waiting<T>(wait: (isTest: boolean) => Promise<T>): Promise<T> {
    const call = this.#current.getStore()
    if (call === undefined || call.isOver) return wait(true)
    call.waits += 1
    try {
      return await wait(false)
    } finally {
      call.waits -= 1
      call.isIdle = false
    }
  }

  /** Whether a handler may be at real work. */
  get areBusy(): boolean {
    return this.#someBusy(() => true)
  }

  /** Whether each handler that may be at real work listens for its signal. */
  get allListen(): boolean {
    return !this.#someBusy(call => !listens(call))
  }

  /** Whether a handler that may be at real work has set a timer that keeps no process alive. */
  get haveTimers(): boolean {
    return this.#someBusy(hasTimer)
  }

  /** Whether one waits for the answer to a request. */
  get haveRequests(): boolean {
    return this.#someBusy(({ requests }) => requests.size > 0)
  }

  /** Whether one has opened a connection, a thread or a process that is still there. */
  get haveOpened(): boolean {
    return this.#someBusy(({ opened }) => opened.size > 0)
  }

  /** How many were taken to wait for something virtual although nothing tells of it. */
  get guessed(): number {
    return [...this.#calls].filter(call => call.isIdle && call.waits === 0 && !listens(call)).length
  }

  /** Takes those that have not ended to wait for something virtual. */
  takeAsIdle(): void {
    for (const call of this.#calls) call.isIdle = true
  }

  /** Something has happened that a handler may have waited for. */
  wake(): void {
    for (const call of this.#calls) call.isIdle = false
  }

  /** Hands on what handlers have reported, and how they have ended. False if there is nothing. */
  handOn(): boolean {
    let some = false
    for (const call of this.#calls) {
      some ||= call.reports.length > 0 || call.end !== undefined
      for (const report of call.reports.splice(0)) report()
      if (call.end === undefined) continue
      this.#calls.delete(call)
      call.end()
    }
    if (this.#calls.size === 0) this.#resources.unwatch()
    return some
  }

  /** Watches nobody any more. */
  stop(): void {
    this.#resources.unwatch()
  }

  #someBusy(test: (call: Call) => boolean): boolean {
    for (const call of this.#calls) if (isBusy(call) && test(call)) return true
    return false
  }

  #run(definition: GivenDefinition, input: unknown, ctx: TaskContext): unknown {
    const call: Call = {
      ...{ waits: 0, isIdle: false, isLong: false, isOver: false, signal: undefined },
      ...{ reports: [], timers: new Map(), opened: new Map(), requests: new Set(), end: undefined },
    }
    this.#resources.watch()
    const result = this.#current.run(call, () => definition.run(input, this.#watched(ctx, call)))
    if (!isThenable(result)) {
      call.isOver = true
      return result
    }
    call.isLong = true
    this.#calls.add(call)
    const ended = Promise.resolve(result)
    return new Promise((resolve, reject) => {
      const end = (): void => {
        call.isOver = true
        call.end = () => void ended.then(resolve, reject)
      }
      void ended.then(end, end)
    })
  }

  #watched(ctx: TaskContext, call: Call): TaskContext {
    const report = (act: () => void): void => {
      // Up to its first wait a handler is alone, so that the order is always the same.
      if (call.isLong) call.reports.push(act)
      else act()
    }
    const own: Pick<TaskContext, 'publish' | 'progress' | 'log'> = {
      // To publish is to wait for the mesh, which is virtual.
      publish: (...told) => this.waiting(() => ctx.publish(...told)),
      progress: value => {
        const body = JSON.stringify(value) as string | undefined
        const isValid = body !== undefined && Buffer.byteLength(body) <= maxReportBytes
        if (isValid) report(() => ctx.progress(JSON.parse(body)))
        else ctx.progress(value)
      },
      log: line => report(() => ctx.log(line)),
    }
    return new Proxy(ctx, {
      get: (target, key) => {
        if (key === 'publish' || key === 'progress' || key === 'log') return own[key]
        if (key === 'signal') call.signal = target.signal
        return Reflect.get(target, key)
      },
    })
  }
}

function isBusy({ waits, isIdle, end }: Call): boolean {
  return waits === 0 && !isIdle && end === undefined
}

function listens({ signal }: Call): boolean {
  return signal !== undefined && getEventListeners(signal, 'abort').length > 0
}
