import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { SeedRun, SimulateInit } from '../../testing/index.ts'

/** Which seeds a thread is to run. */
export interface SeedThreadData {
  readonly init: Omit<SimulateInit, 'onTrace'>
  readonly traces: boolean
  /** How many lines of the trace have been printed. */
  readonly printed: Int32Array
}

/** What the thread tells: how a seed went; with `failed`, before it looks for a smaller failure. */
export type FromSeedThread =
  | { readonly type: 'ran' | 'failed'; readonly run: SeedRun }
  | { readonly type: 'trace'; readonly line: string }

export interface SeedsOptions {
  /** Ends the seed that runs, too. */
  readonly signal: AbortSignal
  readonly onTrace: ((line: string) => void) | undefined
  /** A seed has failed, and a smaller run that fails alike is looked for. */
  readonly onFailed: (run: SeedRun) => void
}

/**
 * Runs one seed after the other in a thread of its own: a seed takes as long as it takes, and this
 * one must hear of signals meanwhile. Interrupted while it shrinks a failure it still tells that
 * failure, and only then throws the reason.
 */
export async function* runSeeds(
  init: SeedThreadData['init'],
  { signal, onTrace, onFailed }: SeedsOptions,
): AsyncGenerator<SeedRun> {
  const printed = new Int32Array(new SharedArrayBuffer(4))
  const workerData: SeedThreadData = { init, traces: onTrace !== undefined, printed }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const file = new URL(`./seed-thread.${extension}`, import.meta.url)
  const thread = new Worker(file, { workerData })
  let failed: SeedRun | undefined
  try {
    for await (const [told] of on(thread, 'message', { signal, close: ['exit'] })) {
      const message = told as FromSeedThread
      if (message.type === 'trace') {
        onTrace?.(message.line)
        Atomics.add(printed, 0, 1)
        Atomics.notify(printed, 0)
        continue
      }
      failed = message.type === 'failed' ? message.run : undefined
      if (message.type === 'failed') onFailed(message.run)
      else yield message.run
    }
  } catch (error) {
    if (failed !== undefined) yield failed
    throw signal.aborted ? signal.reason : error
  } finally {
    await thread.terminate()
  }
}
