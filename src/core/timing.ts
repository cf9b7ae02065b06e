import type { Millis } from './ids.ts'

/** When tasks may run and when they must have, as durations from now, in milliseconds. */
export interface Timing {
  /** How long ago the tasks were published. */
  readonly ageMs: number
  /** Remaining time until they are due. */
  readonly delayMs: number
  /** Remaining time within which a first run must have begun; 0 for no limit. */
  readonly startWithinMs: number
  /** Remaining time within which they must have ended; 0 for no limit. */
  readonly endWithinMs: number
}

/** Due at once, and without any limit. */
export const noTiming: Timing = { ageMs: 0, delayMs: 0, startWithinMs: 0, endWithinMs: 0 }

/** What a timing has become when some time has passed. */
export function timingAfter(timing: Timing, passedMs: number): Timing {
  const { ageMs, delayMs, startWithinMs, endWithinMs } = timing
  return {
    ageMs: ageMs + Math.round(passedMs),
    delayMs: Math.max(0, delayMs - passedMs),
    startWithinMs: limitAfter(startWithinMs, passedMs),
    endWithinMs: limitAfter(endWithinMs, passedMs),
  }
}

/** What is left of a limit: at least a millisecond, since none at all means no limit. */
export function limitAfter(limitMs: number, passedMs: number): number {
  return limitMs === 0 ? 0 : Math.max(1, Math.round(limitMs - passedMs))
}

/** The moment at which a limit is over; Infinity for no limit. */
export function limitAt(limitMs: number, now: Millis): Millis {
  return limitMs === 0 ? Infinity : now + limitMs
}

/** What is left at `now` of a limit that is over at some moment. */
export function limitLeft(at: Millis, now: Millis): number {
  return at === Infinity ? 0 : Math.max(1, Math.round(at - now))
}
