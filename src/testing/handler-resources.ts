import { createHook } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** What a call of a handler has to its name, by asynchronous ids of Node. */
export interface Owner {
  /** It has ended; what goes on in its name is not its work any more. */
  isOver: boolean
  /** It is taken to wait for something virtual that nobody can see, such as its signal. */
  isIdle: boolean
  /** Timers, with the real time when each was set. */
  readonly timers: Map<number, number>
  /** Connections, threads and processes. */
  readonly opened: Map<number, number>
  /** Requests over HTTP that have no answer yet, whoever opened their connections. */
  readonly requests: Set<object>
}

const nowMs = performance.now.bind(performance)

/**
 * How long a timer that keeps no process alive may be what a handler waits for, in milliseconds;
 * beyond that it is more likely a limit, or housekeeping.
 */
const timerMsMax = 2_000

/** Whether a call has set a timer that it may wait for. */
export function hasTimer({ timers }: Owner): boolean {
  return timers.values().some(setAt => nowMs() - setAt < timerMsMax)
}

const opening: ReadonlySet<string> = new Set([
  ...['TCPWRAP', 'TCPSERVERWRAP', 'TLSWRAP', 'UDPWRAP', 'PIPEWRAP', 'PIPESERVERWRAP'],
  ...['PROCESSWRAP', 'WORKER', 'MESSAGEPORT'],
])

/** What Node tells of requests of `fetch`; those of its module `http` take their connection over. */
const asking = 'undici:request:create'
const answered = ['undici:request:trailers', 'undici:request:error']

/**
 * Tells which handler has set a timer or opened something. Only so can timers be seen that keep no
 * process alive, such as those of `AbortSignal.timeout`, and connections be told from another's.
 */
export class HandlerResources {
  readonly #kept = new Map<number, Map<number, number>>()
  readonly #requests = new Map<object, Set<object>>()
  readonly #current: () => Owner | undefined
  readonly #hook: ReturnType<typeof createHook>
  #watches = false

  /** `current` gives the call in whose name the code runs that is running. */
  constructor(current: () => Owner | undefined) {
    this.#current = current
    this.#hook = createHook({
      init: (id, type) => {
        const owner = current()
        if (owner === undefined || owner.isOver) return
        // What it has waited for has come.
        owner.isIdle = false
        if (type !== 'Timeout' && !opening.has(type)) return
        const kept = type === 'Timeout' ? owner.timers : owner.opened
        kept.set(id, nowMs())
        this.#kept.set(id, kept)
      },
      destroy: id => {
        if (this.#kept.get(id)?.delete(id) === true) this.#kept.delete(id)
      },
      // They are many, and tell nothing.
      trackPromises: false,
    })
  }

  watch(): void {
    if (this.#watches) return
    this.#watches = true
    this.#hook.enable()
    subscribe(asking, this.#asked)
    for (const channel of answered) subscribe(channel, this.#answered)
  }

  /** Nobody is at work any more. */
  unwatch(): void {
    if (!this.#watches) return
    this.#watches = false
    this.#hook.disable()
    unsubscribe(asking, this.#asked)
    for (const channel of answered) unsubscribe(channel, this.#answered)
    this.#kept.clear()
    this.#requests.clear()
  }

  readonly #asked = (message: unknown): void => {
    const owner = this.#current()
    const { request } = message as { request: object }
    if (owner === undefined || owner.isOver) return
    owner.requests.add(request)
    this.#requests.set(request, owner.requests)
  }

  readonly #answered = (message: unknown): void => {
    const { request } = message as { request: object }
    this.#requests.get(request)?.delete(request)
    this.#requests.delete(request)
  }
}
