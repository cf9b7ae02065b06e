import { type Finding, ok, warning } from './finding.ts'

/** Two clocks, read at the same moment. */
export interface ClockReading {
  /** The wall clock, in milliseconds since 1970. */
  readonly wallMs: number
  /** A clock that nobody sets, in milliseconds since whenever. */
  readonly monotonicMs: number
}

/** How far the wall clock may move within seconds of its own accord, in milliseconds. */
const jumpMs = 250

/** Before this, 2025-01-01, no version of this package was there: the clock was never set. */
const unsetBeforeMs = 1_735_689_600_000

/** Reads both clocks. */
export function readClocks(): ClockReading {
  return { wallMs: Date.now(), monotonicMs: performance.now() }
}

/**
 * Whether the wall clock went as the other one did while the doctor looked. Leases and retries do
 * not depend on it; times at which tasks are due do.
 */
export function checkClock(first: ClockReading, last: ClockReading): Finding[] {
  const ranMs = last.monotonicMs - first.monotonicMs
  const jumpedMs = Math.round(last.wallMs - first.wallMs - ranMs)
  const seconds = (ranMs / 1_000).toFixed(1)
  const remedy =
    'let NTP keep the clock: timedatectl set-ntp true, or the time settings of the system; ' +
    'in a virtual machine, let its host set it'
  if (last.wallMs < unsetBeforeMs) {
    const date = new Date(last.wallMs).toISOString().slice(0, 10)
    return [warning('clock', `the clock says ${date}, so it was never set`, remedy)]
  }
  if (Math.abs(jumpedMs) >= jumpMs) {
    const jump = `the clock jumped by ${jumpedMs} ms within ${seconds} s`
    return [warning('clock', `${jump}; tasks with a date become due at other times`, remedy)]
  }
  return [ok('clock', `the clock did not jump within ${seconds} s`)]
}
