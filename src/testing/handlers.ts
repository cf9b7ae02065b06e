import { AsyncLocalStorage } from 'node:async_hooks'
import type { GivenDefinition } from '../config.ts'
import type { TaskContext } from '../worker/definition.ts'
import { isThenable } from '../worker/execute.ts'

/** A call of a handler that has returned a promise. */
interface Call {
  /** How much of what it waits for is virtual. */
  waits: number
  /** It waits for something virtual that nobody can see, such as its signal. */
  isIdle: boolean
  /** Hands on how it has ended; undefined while it has not. */
  end: (() => void) | undefined
}

/**
 * The handlers that are at work. What they return is handed on when none of them does real work any
 * more, in the order in which they began: how long real work takes changes nothing.
 */
export class Handlers {
  readonly #calls = new Set<Call>()
  readonly #current = new AsyncLocalStorage<Call>()

  /** The same definition, its handler watched. */
  watch(definition: GivenDefinition): GivenDefinition {
    return { ...definition, run: (input, ctx) => this.#run(definition, input, ctx) }
  }

  /** Does something virtual that a handler may be waiting for. */
  async waiting<T>(work: Promise<T>): Promise<T> {
    const call = this.#current.getStore()
    if (call === undefined) return work
    call.waits += 1
    try {
      return await work
    } finally {
      call.waits -= 1
      call.isIdle = false
    }
  }

  /** Whether a handler may be at real work. */
  get areBusy(): boolean {
    for (const { waits, isIdle, end } of this.#calls) {
      if (waits === 0 && !isIdle && end === undefined) return true
    }
    return false
  }

  /** Takes those that have not ended to wait for something virtual. */
  takeAsIdle(): void {
    for (const call of this.#calls) call.isIdle = true
  }

  /** Something has happened that a handler may have waited for. */
  wake(): void {
    for (const call of this.#calls) call.isIdle = false
  }

  /** Hands on how handlers have ended. False if none has. */
  handOn(): boolean {
    let some = false
    for (const call of this.#calls) {
      if (call.end === undefined) continue
      this.#calls.delete(call)
      call.end()
      some = true
    }
    return some
  }

  #run(definition: GivenDefinition, input: unknown, ctx: TaskContext): unknown {
    const call: Call = { waits: 0, isIdle: false, end: undefined }
    const result = this.#current.run(call, () => definition.run(input, this.#watched(ctx)))
    if (!isThenable(result)) return result
    this.#calls.add(call)
    const ended = Promise.resolve(result)
    return new Promise((resolve, reject) => {
      const end = (): void => {
        call.end = () => void ended.then(resolve, reject)
      }
      void ended.then(end, end)
    })
  }

  /** To publish is to wait for the mesh, which is virtual. */
  #watched(ctx: TaskContext): TaskContext {
    const publish: TaskContext['publish'] = (...told) => this.waiting(ctx.publish(...told))
    return new Proxy(ctx, {
      get: (target, key) => (key === 'publish' ? publish : Reflect.get(target, key)),
    })
  }
}
