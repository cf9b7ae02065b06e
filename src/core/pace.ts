import type { Millis } from './ids.ts'

/*
 * How long answers take, as this node has seen it: the way there and back, and the turns at both ends,
 * late ones too. What waits for an answer waits accordingly, so that a slow network or an event loop
 * that lags is not taken for silence.
 */

/** Magnitudes that are told apart; four of them double the time. */
const magnitudes = 64

/** Round trips after which the earlier ones count half. */
const maxCounted = 400

/** Of a hundred round trips one may take longer. */
const share = 0.99

/** How many times as long as nearly all round trips take is waited for an answer. */
const timesLonger = 4

/** The longest that any wait grows to by slow answers, in milliseconds. */
export const mostMs = 10_000

/** Claims that were given up, and may still be answered, at the most. */
const maxLate = 64

/** Round trips, by magnitude. */
export interface Pace {
  readonly counts: Float64Array
  total: number
  /** What patience follows from them, in milliseconds; undefined until it is asked for. */
  slowMs: number | undefined
  /** When claims were sent that were given up: a late answer tells more than none. */
  readonly late: Map<number, Millis>
}

/** Nothing seen. */
export function createPace(): Pace {
  return { counts: new Float64Array(magnitudes), total: 0, slowMs: 0, late: new Map() }
}

/** An answer has come. */
export function sawAnswer(pace: Pace, ms: number): void {
  const { counts } = pace
  const at = Math.min(magnitudes - 1, Math.ceil(4 * Math.log2(Math.max(1, ms))))
  counts[at] = (counts[at] as number) + 1
  pace.total += 1
  pace.slowMs = undefined
  if (pace.total < maxCounted) return
  counts.forEach((count, i) => (counts[i] = count / 2))
  pace.total /= 2
}

/** A claim is not waited for any longer. */
export function awaitLate({ late }: Pace, claimId: number, sentAt: Millis): void {
  late.set(claimId, sentAt)
  const [oldest] = late.keys()
  if (late.size > maxLate && oldest !== undefined) late.delete(oldest)
}

/** An answer has come that was not waited for any longer. */
export function sawLate(pace: Pace, claimId: number, now: Millis): void {
  const sentAt = pace.late.get(claimId)
  if (sentAt !== undefined) sawAnswer(pace, now - sentAt)
}

/** How long to wait for an answer, in milliseconds: at least so long, and at most `mostMs`. */
export function patienceMs(pace: Pace, leastMs: number): number {
  pace.slowMs ??= slowMsOf(pace)
  return Math.max(leastMs, pace.slowMs)
}

function slowMsOf({ counts, total }: Pace): number {
  let seen = 0
  let at = 0
  while (at < magnitudes - 1 && (seen += counts[at] as number) < total * share) at += 1
  return Math.min(mostMs, timesLonger * 2 ** (at / 4))
}
