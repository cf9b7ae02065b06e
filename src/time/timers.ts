/** What time it is, and calls at later times: a machine's, or virtual ones. */
export interface Timers {
  /** Milliseconds of a clock that never falls. */
  now(): number
  /** Milliseconds since 1970, as far as the machine knows. */
  wallNow(): number
  /** Calls back once, after so many milliseconds, unless the returned function is called before. */
  after(ms: number, callback: () => void, options?: AfterOptions): () => void
  /** Calls back once what has come in by now is dealt with, unless the returned function is called. */
  soon(callback: () => void): () => void
  /** A signal that is aborted with a `TimeoutError` after so many milliseconds. */
  timeout(ms: number): AbortSignal
}

export interface AfterOptions {
  /** Whether the process may end before that. */
  readonly idle?: boolean | undefined
}

/** Resolves after so many milliseconds; rejects with the signal's reason when that is aborted. */
export function delay(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const cancel = timers.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Resolves once what has come in by now is dealt with. */
export function turn(timers: Timers): Promise<void> {
  return new Promise(resolve => {
    timers.soon(resolve)
  })
}
