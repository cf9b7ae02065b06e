/** The least and the most of something that is drawn. */
export type Span = readonly [least: number, most: number]

/**
 * What goes wrong in a simulation, and how often. Probabilities end in P, mean times between two
 * faults of a kind in EveryMs; 0 switches off.
 */
export interface Faults {
  /** Frames of a stream that vanish although it stays open; a real one would break. */
  readonly lossP: number
  readonly duplicateP: number
  /** Frames that may overtake those before them. */
  readonly reorderP: number
  /** Frames on their way when their stream broke that come through the next one. */
  readonly staleP: number
  readonly latencyMs: Span
  /** Frames that take up to `tailMs` more. */
  readonly tailP: number
  readonly tailMs: number
  readonly gossipLossP: number
  readonly partitionEveryMs: number
  readonly partitionMs: Span
  /** Partitions that let one direction through. */
  readonly oneWayP: number
  /** Partitions that one node still reaches both sides of. */
  readonly bridgeP: number
  /** Breaks of single connections, some of them many times in a row. */
  readonly flapEveryMs: number

  readonly crashEveryMs: number
  /** Crashes that take the unsynced part of the journal with them. */
  readonly powerP: number
  /** Chance of a crash at any write and at any message that leaves. */
  readonly crashPointP: number
  readonly downMs: Span
  /** Whether every node goes down at once before the faults end. */
  readonly fullRestart: boolean

  readonly pauseEveryMs: number
  readonly pauseMs: Span
  /** Pauses in which the monotonic clock stands still, too: the machine sleeps. */
  readonly sleepP: number
  /** Error of the monotonic clocks, as a fraction: 0.01 is one percent. */
  readonly drift: number
  /** Somebody sets a wall clock. */
  readonly wallJumpEveryMs: number
  /** How late timers may go off. */
  readonly timerSlackMs: number
  /** How long what happens to a process waits for its next turn; all that came by then is one. */
  readonly turnMs: Span
  /** Nodes whose turns, and nodes whose disks, take so many times as long. */
  readonly slowNodeP: number
  readonly slowDiskP: number
  readonly slowBy: number

  readonly fsyncMs: Span
  readonly checkpointEveryMs: number
  /** A sync fails: nobody knows any more what is on that disk. */
  readonly fsyncErrorEveryMs: number
  /** A bit of what is on disk is flipped, which the next start finds. */
  readonly bitFlipEveryMs: number
  /** A disk takes nothing more for a while. */
  readonly fullDiskEveryMs: number
  readonly fullDiskMs: Span
  /** A node comes back with an empty disk. */
  readonly wipeEveryMs: number
  /** Several nodes at once come back with empty disks. */
  readonly disasterEveryMs: number
  /** A node comes back with an old copy of its disk. */
  readonly rollbackEveryMs: number

  /** Bytes that a voter takes; 0 for what the options say. */
  readonly maxBytes: number

  /** Nodes stop cleanly and come back. */
  readonly leaveEveryMs: number
  /** Nodes stop cleanly and do not come back. */
  readonly departEveryMs: number
  /** Nodes that are not there at the start and join later, and when. */
  readonly lateP: number
  readonly lateMs: number
}

/** A budget that any one batch fits into, and a few of them do not. */
export const tightBytes = 24_000

/** Nothing goes wrong; only time passes. */
export const calm: Faults = {
  lossP: 0,
  duplicateP: 0,
  reorderP: 0,
  staleP: 0,
  latencyMs: [0.2, 2],
  tailP: 0,
  tailMs: 0,
  gossipLossP: 0,
  partitionEveryMs: 0,
  partitionMs: [1_000, 30_000],
  oneWayP: 0,
  bridgeP: 0,
  flapEveryMs: 0,
  crashEveryMs: 0,
  powerP: 0,
  crashPointP: 0,
  downMs: [500, 8_000],
  fullRestart: false,
  pauseEveryMs: 0,
  pauseMs: [1_000, 60_000],
  sleepP: 0,
  drift: 0,
  wallJumpEveryMs: 0,
  timerSlackMs: 0.5,
  turnMs: [0, 0.2],
  slowNodeP: 0,
  slowDiskP: 0,
  slowBy: 1,
  fsyncMs: [0.3, 3],
  checkpointEveryMs: 0,
  fsyncErrorEveryMs: 0,
  bitFlipEveryMs: 0,
  fullDiskEveryMs: 0,
  fullDiskMs: [1_000, 20_000],
  wipeEveryMs: 0,
  disasterEveryMs: 0,
  rollbackEveryMs: 0,
  maxBytes: 0,
  leaveEveryMs: 0,
  departEveryMs: 0,
  lateP: 0,
  lateMs: 0,
}

/** The same network, disks and clocks when all that goes wrong has stopped. */
export function healed(faults: Faults): Faults {
  const { fsyncMs, drift, timerSlackMs, turnMs, checkpointEveryMs, maxBytes } = faults
  const [least, most] = faults.latencyMs
  return {
    ...calm,
    latencyMs: [least, Math.min(most, 20)],
    fsyncMs: [fsyncMs[0], Math.min(fsyncMs[1], 30)],
    drift,
    turnMs,
    timerSlackMs,
    checkpointEveryMs,
    maxBytes,
  }
}

/** Whether every node comes back with the disk that it had. */
export function keepsDisks(faults: Faults): boolean {
  const { fsyncErrorEveryMs, bitFlipEveryMs, wipeEveryMs, rollbackEveryMs } = faults
  const { disasterEveryMs, departEveryMs } = faults
  const found = [fsyncErrorEveryMs, bitFlipEveryMs, rollbackEveryMs]
  const lossy = [...found, wipeEveryMs, disasterEveryMs, departEveryMs]
  return lossy.every(everyMs => everyMs === 0)
}

/** Whether every process runs when it is time to, by a clock that it may trust. */
export function saneClocks(faults: Faults): boolean {
  const { drift, pauseEveryMs, wallJumpEveryMs, slowNodeP } = faults
  return drift === 0 && pauseEveryMs === 0 && wallJumpEveryMs === 0 && slowNodeP === 0
}
