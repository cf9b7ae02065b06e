import { systemTimers } from '../time/system-timers.ts'
import type { Timers } from '../time/timers.ts'

/** Sends one line of progress or log. */
export type Send = (kind: 'progress' | 'log', body: string) => void

/** Bytes that a progress value or a log line may have. */
export const maxReportBytes = 8_192

/** Shortest time between two progress values of a run, in milliseconds. */
const progressEveryMs = 100

/** Log lines of a run in one second. */
const maxLinesPerSecond = 100

/**
 * Thins what one run tells of itself: the first progress value goes at once, of those that follow
 * too quickly only the latest, and what is left goes when the run ends.
 */
export class Reporter {
  readonly #send: Send
  #held: string | undefined
  readonly #timers: Timers
  #clear: (() => void) | undefined
  #sentAt = -Infinity
  #secondAt = -Infinity
  #lines = 0
  #dropped = 0

  constructor(send: Send, timers: Timers = systemTimers) {
    this.#send = send
    this.#timers = timers
  }

  progress(value: unknown): void {
    this.#held = progressBody(value)
    const waitMs = this.#sentAt + progressEveryMs - this.#timers.now()
    if (waitMs <= 0) {
      this.#sendHeld()
    } else {
      this.#clear ??= this.#timers.after(waitMs, () => this.#sendHeld(), { idle: true })
    }
  }

  log(line: string): void {
    const now = this.#timers.now()
    if (now - this.#secondAt >= 1_000) {
      this.#secondAt = now
      this.#lines = 0
      this.#tellDropped()
    }
    if (this.#lines >= maxLinesPerSecond) {
      this.#dropped++
      return
    }
    this.#lines++
    this.#send('log', cutLine(line))
  }

  /** Sends what is held back. Nothing may be reported afterwards. */
  end(): void {
    this.#sendHeld()
    this.#tellDropped()
  }

  #sendHeld(): void {
    this.#clear?.()
    this.#clear = undefined
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#sentAt = this.#timers.now()
    this.#send('progress', held)
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return
    this.#send('log', `… ${this.#dropped} lines dropped`)
    this.#dropped = 0
  }
}

/**
 * A progress value as it travels.
 *
 * @throws {TypeError} It is not JSON, or too large.
 */
export function progressBody(value: unknown): string {
  const body = JSON.stringify(value) as string | undefined
  if (body === undefined) throw new TypeError('A progress value must be JSON')
  if (body.length * 3 > maxReportBytes && Buffer.byteLength(body) > maxReportBytes) {
    throw new TypeError(`A progress value may have at most ${maxReportBytes} bytes`)
  }
  return body
}

function cutLine(line: string): string {
  if (line.length * 3 <= maxReportBytes) return line
  const bytes = Buffer.from(line.slice(0, maxReportBytes))
  if (line.length <= maxReportBytes && bytes.length <= maxReportBytes) return line
  // Three bytes for the ellipsis, and three for a character that is cut in two.
  return `${bytes.subarray(0, maxReportBytes - 6).toString()}…`
}
