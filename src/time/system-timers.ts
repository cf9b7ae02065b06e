import type { AfterOptions, Timers } from './timers.ts'

/** The longest that Node's timers can wait, in milliseconds; with more they would go off at once. */
const timerMsMax = 2 ** 31 - 1

/** The clocks and timers of this machine. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after: (ms, callback, options = {}) => {
    if (ms > timerMsMax) return afterLong(ms, callback, options)
    const timer = setTimeout(callback, ms)
    if (options.idle === true) timer.unref()
    return () => clearTimeout(timer)
  },
  soon: callback => {
    const immediate = setImmediate(callback)
    return () => clearImmediate(immediate)
  },
  timeout: ms => AbortSignal.timeout(Math.min(ms, timerMsMax)),
}

function afterLong(ms: number, callback: () => void, options: AfterOptions): () => void {
  let cancel = systemTimers.after(
    timerMsMax,
    () => {
      cancel = systemTimers.after(ms - timerMsMax, callback, options)
    },
    options,
  )
  return () => cancel()
}
