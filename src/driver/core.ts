import type { Effect } from '../core/effects.ts'
import type { Entry } from '../core/entries.ts'
import type { Lsn, Millis } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import * as machines from '../core/machine.ts'

/** The state machine that a driver runs. Synchronous; `now` never falls from call to call. */
export interface Core {
  /** Takes in one entry of the journal, in order, before `start`. */
  replay(entry: Entry, now: Millis): void
  /** Ends the replay at the journal's last entry. */
  start(lsn: Lsn, now: Millis): Effect[]
  /** What follows from inputs that have come together, in their order. */
  step(inputs: readonly Input[], now: Millis): Effect[]
  /** When the next `tick` is due, in milliseconds of `now`; Infinity when idle. */
  wakeAt(): Millis
  /** Whether much of what the last checkpoint holds is gone. */
  readonly wantsCheckpoint: boolean
  /** Entries that make the same state again. */
  checkpoint(now: Millis): Iterable<Entry>
}

/** A machine of the protocol core in the form that a driver runs. */
export function coreOf(machine: machines.Machine): Core {
  return {
    replay: (entry, now) => machines.replay(machine, entry, now),
    start: (lsn, now) => machines.start(machine, lsn, now),
    step: (inputs, now) => machines.stepAll(machine, inputs, now),
    wakeAt: () => machines.wakeAt(machine),
    get wantsCheckpoint() {
      return machines.wantsCheckpoint(machine)
    },
    checkpoint: now => machines.checkpoint(machine, now),
  }
}
