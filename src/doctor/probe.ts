import { asError } from '../errors.ts'
import { type Finding, warning } from './finding.ts'

/** What a look at the machine has brought: a value, or why there is none. */
export type Probed<T> =
  | { readonly found: T }
  | { readonly found: undefined; readonly failed: string }

/** How a probe is bounded. */
export interface ProbeOptions {
  /** Longest wait, in milliseconds. */
  readonly limitMs: number
  readonly signal?: AbortSignal | undefined
}

/** Longest reason that is kept, in characters. */
const reasonCharsMax = 300

/**
 * Looks at something for a bounded time, and never throws. What is too slow is left alone: its
 * signal is aborted, and it cleans up by itself.
 */
export async function probe<T>(
  look: (signal: AbortSignal) => T | Promise<T>,
  { limitMs, signal }: ProbeOptions,
): Promise<Probed<T>> {
  const limit = AbortSignal.timeout(limitMs)
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit])
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => {
    const late = new Error(`it took longer than ${limitMs / 1_000} s`)
    aborted.reject(limit.aborted ? late : asError(either.reason))
  }
  either.addEventListener('abort', onAbort, { once: true })
  try {
    either.throwIfAborted()
    // An async function also turns what is thrown at once into a rejection.
    const looking = (async () => look(either))()
    return { found: await Promise.race([looking, aborted.promise]) }
  } catch (error) {
    return { found: undefined, failed: asError(error).message.slice(0, reasonCharsMax) }
  } finally {
    either.removeEventListener('abort', onAbort)
  }
}

/** What a check says when there was nothing to look at. */
export function unknown(check: string, probed: Probed<unknown>): Finding[] {
  const why = 'failed' in probed ? probed.failed : 'nothing was found'
  return [
    warning(
      check,
      `this could not be looked at: ${why}`,
      'see whether the other findings explain it, and run the doctor again',
    ),
  ]
}
