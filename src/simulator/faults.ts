import type { Prng } from './prng.ts'

/** The least and the most of something that is drawn. */
export type Span = readonly [least: number, most: number]

/** What goes wrong in a simulation, and how often. Probabilities end in P; 0 switches off. */
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
  readonly fsyncMs: Span
  /** Error of the monotonic clocks, as a fraction: 0.01 is one percent. */
  readonly drift: number
  /** Mean time between settings of some wall clock. */
  readonly wallJumpEveryMs: number
  /** How long what happens to a process waits for its next turn; all that came by then is one. */
  readonly turnMs: Span
  /** How late timers may go off. */
  readonly timerSlackMs: number
  /** Mean time between crashes in the cluster. */
  readonly crashEveryMs: number
  /** Crashes that take the unsynced part of the journal with them. */
  readonly powerP: number
  /** Chance per turn of a crash between two of its effects. */
  readonly crashInTurnP: number
  readonly downMs: Span
  /** Mean time between clean restarts. */
  readonly leaveEveryMs: number
  readonly pauseEveryMs: number
  readonly pauseMs: Span
  /** Pauses in which the monotonic clock stands still, too. */
  readonly sleepP: number
  readonly partitionEveryMs: number
  readonly partitionMs: Span
  /** Partitions that let one direction through. */
  readonly oneWayP: number
  /** Mean time between breaks of single connections. */
  readonly flapEveryMs: number
  readonly checkpointEveryMs: number
  /** Whether every node goes down at once before the faults end. */
  readonly fullRestart: boolean
}

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
  fsyncMs: [0.3, 3],
  drift: 0,
  wallJumpEveryMs: 0,
  turnMs: [0, 0.2],
  timerSlackMs: 0.5,
  crashEveryMs: 0,
  powerP: 0,
  crashInTurnP: 0,
  downMs: [500, 8_000],
  leaveEveryMs: 0,
  pauseEveryMs: 0,
  pauseMs: [1_000, 60_000],
  sleepP: 0,
  partitionEveryMs: 0,
  partitionMs: [1_000, 30_000],
  oneWayP: 0,
  flapEveryMs: 0,
  checkpointEveryMs: 0,
  fullRestart: false,
}

const loss: Partial<Faults> = {
  lossP: 0.1,
  duplicateP: 0.05,
  reorderP: 0.2,
  latencyMs: [0.2, 20],
  tailP: 0.05,
  tailMs: 2_000,
  gossipLossP: 0.5,
}
const partitions: Partial<Faults> = { partitionEveryMs: 12_000, oneWayP: 0.3 }
const crashes: Partial<Faults> = { crashEveryMs: 8_000, leaveEveryMs: 30_000 }
const power: Partial<Faults> = {
  crashEveryMs: 8_000,
  powerP: 0.8,
  crashInTurnP: 0.000_5,
  checkpointEveryMs: 4_000,
  fsyncMs: [1, 60],
}
const pauses: Partial<Faults> = { pauseEveryMs: 12_000, sleepP: 0.3 }
const clocks: Partial<Faults> = { drift: 0.01, wallJumpEveryMs: 15_000, timerSlackMs: 20 }
const flaps: Partial<Faults> = { flapEveryMs: 1_500 }

const mixes = {
  none: {},
  loss,
  partitions,
  crashes,
  power,
  pauses,
  clocks,
  flaps,
  chaos: { ...loss, ...partitions, ...crashes, ...power, ...pauses, ...clocks, ...flaps },
} satisfies Record<string, Partial<Faults>>

/** Names of fault mixes; `swarm` draws another mix for every seed. */
export type FaultMix = keyof typeof mixes | 'swarm'

/** All names of fault mixes. */
export const faultMixes = [...Object.keys(mixes), 'swarm'] as readonly FaultMix[]

/** The faults of a named mix. */
export function faultsOf(mix: FaultMix, prng: Prng): Faults {
  return mix === 'swarm' ? drawFaults(prng) : { ...calm, ...mixes[mix] }
}

/**
 * Draws a mix. Each kind of fault is off as often as not: a run in which everything goes wrong
 * rarely gets far enough to reach the interesting states.
 */
function drawFaults(prng: Prng): Faults {
  const on = (p = 0.5): boolean => prng.chance(p)
  const every = (least: number, most: number, p = 0.5): number =>
    on(p) ? prng.between(least, most) : 0
  const latency = prng.pick([1, 1, 5, 50])
  return {
    lossP: on(0.4) ? prng.pick([0.01, 0.1, 0.3]) : 0,
    duplicateP: on(0.3) ? prng.pick([0.02, 0.2]) : 0,
    reorderP: on(0.3) ? prng.pick([0.05, 0.5]) : 0,
    staleP: on(0.2) ? 0.5 : 0,
    latencyMs: [0.1 * latency, 2 * latency],
    tailP: on(0.4) ? prng.pick([0.01, 0.1]) : 0,
    tailMs: prng.pick([100, 1_500, 12_000]),
    gossipLossP: prng.pick([0, 0.1, 0.7]),
    fsyncMs: prng.pick<Span>([
      [0, 0],
      [0.3, 3],
      [2, 30],
      [1, 300],
    ]),
    drift: on(0.3) ? 0.01 : 0,
    wallJumpEveryMs: every(5_000, 30_000, 0.2),
    turnMs: prng.pick<Span>([
      [0, 0],
      [0, 0.5],
      [0, 5],
    ]),
    timerSlackMs: prng.pick([0, 1, 15]),
    crashEveryMs: every(4_000, 30_000),
    powerP: prng.pick([0, 0.5, 1]),
    crashInTurnP: on(0.3) ? 0.001 : 0,
    downMs: prng.pick<Span>([
      [200, 2_000],
      [500, 15_000],
      [10_000, 60_000],
    ]),
    leaveEveryMs: every(10_000, 40_000, 0.3),
    pauseEveryMs: every(5_000, 30_000, 0.4),
    pauseMs: prng.pick<Span>([
      [50, 2_000],
      [1_000, 20_000],
      [20_000, 90_000],
    ]),
    sleepP: prng.pick([0, 0.5]),
    partitionEveryMs: every(5_000, 30_000, 0.4),
    partitionMs: prng.pick<Span>([
      [500, 5_000],
      [5_000, 60_000],
    ]),
    oneWayP: prng.pick([0, 0.5]),
    flapEveryMs: every(500, 10_000, 0.4),
    checkpointEveryMs: every(1_000, 10_000),
    fullRestart: on(0.2),
  }
}

/** The same network and disks when all that goes wrong has stopped. */
export function healed(faults: Faults): Faults {
  const { fsyncMs, drift, timerSlackMs, turnMs } = faults
  const [least, most] = faults.latencyMs
  return {
    ...calm,
    latencyMs: [least, Math.min(most, 20)],
    fsyncMs: [fsyncMs[0], Math.min(fsyncMs[1], 30)],
    drift,
    turnMs,
    timerSlackMs,
    checkpointEveryMs: faults.checkpointEveryMs,
  }
}

/** Whether every process runs on a clock that it may trust. */
export function saneClocks(faults: Faults): boolean {
  return faults.drift === 0 && faults.pauseEveryMs === 0 && faults.wallJumpEveryMs === 0
}

const rates = [
  'lossP',
  'duplicateP',
  'reorderP',
  'staleP',
  'tailP',
  'drift',
  'wallJumpEveryMs',
  'crashEveryMs',
  'crashInTurnP',
  'leaveEveryMs',
  'pauseEveryMs',
  'partitionEveryMs',
  'flapEveryMs',
] as const satisfies readonly (keyof Faults)[]

/** Whether nothing at all goes wrong, so that not even a run too many is excused. */
export function isFaultFree(faults: Faults): boolean {
  return !faults.fullRestart && rates.every(rate => faults[rate] === 0)
}
