import { calm, type Faults, type Span, tightBytes } from './faults.ts'
import { Prng } from './prng.ts'

/** How a kind of fault is switched on: a draw of its parameters. */
interface Kind {
  /** Share of swarm runs that have it. */
  readonly swarmP: number
  readonly draw: (prng: Prng) => Partial<Faults>
}

const kinds = {
  loss: { swarmP: 0.4, draw: prng => ({ lossP: prng.pick([0.01, 0.1, 0.3]) }) },
  duplicates: { swarmP: 0.3, draw: prng => ({ duplicateP: prng.pick([0.02, 0.2]) }) },
  reorder: { swarmP: 0.3, draw: prng => ({ reorderP: prng.pick([0.05, 0.5]) }) },
  stale: { swarmP: 0.2, draw: () => ({ staleP: 0.5 }) },
  delays: {
    swarmP: 0.4,
    draw: prng => ({
      tailP: prng.pick([0.01, 0.1]),
      tailMs: prng.pick([100, 1_500, 12_000]),
    }),
  },
  'gossip-loss': { swarmP: 0.5, draw: prng => ({ gossipLossP: prng.pick([0.1, 0.7, 1]) }) },
  partitions: {
    swarmP: 0.4,
    draw: prng => ({
      partitionEveryMs: prng.between(5_000, 30_000),
      partitionMs: prng.pick<Span>([
        [500, 5_000],
        [5_000, 60_000],
      ]),
      oneWayP: prng.pick([0, 0.3, 0.5]),
      bridgeP: prng.pick([0, 0.3, 0.5]),
    }),
  },
  flaps: { swarmP: 0.4, draw: prng => ({ flapEveryMs: prng.between(500, 10_000) }) },
  crashes: {
    swarmP: 0.5,
    draw: prng => ({
      crashEveryMs: prng.between(4_000, 30_000),
      downMs: prng.pick<Span>([
        [200, 2_000],
        [500, 15_000],
        [10_000, 60_000],
      ]),
    }),
  },
  /** Those who crash lose what they have not synced. */
  power: { swarmP: 0.5, draw: prng => ({ powerP: prng.pick([0.5, 1]) }) },
  'crash-points': { swarmP: 0.3, draw: () => ({ crashPointP: 0.000_5 }) },
  'full-restart': { swarmP: 0.2, draw: () => ({ fullRestart: true }) },
  pauses: {
    swarmP: 0.4,
    draw: prng => ({
      pauseEveryMs: prng.between(5_000, 30_000),
      pauseMs: prng.pick<Span>([
        [50, 2_000],
        [1_000, 20_000],
        [20_000, 90_000],
      ]),
      sleepP: prng.pick([0, 0.5]),
    }),
  },
  drift: { swarmP: 0.3, draw: prng => ({ drift: prng.pick([0.01, 0.01, 0.05]) }) },
  'wall-clocks': {
    swarmP: 0.2,
    draw: prng => ({ wallJumpEveryMs: prng.between(5_000, 30_000) }),
  },
  'slow-nodes': { swarmP: 0.2, draw: prng => ({ slowNodeP: 0.3, slowBy: slowness(prng) }) },
  'slow-disks': { swarmP: 0.2, draw: prng => ({ slowDiskP: 0.3, slowBy: slowness(prng) }) },
  checkpoints: {
    swarmP: 0.5,
    draw: prng => ({ checkpointEveryMs: prng.between(1_000, 10_000) }),
  },
  'fsync-errors': {
    swarmP: 0.15,
    draw: prng => ({ fsyncErrorEveryMs: prng.between(10_000, 40_000) }),
  },
  'bit-flips': { swarmP: 0.15, draw: prng => ({ bitFlipEveryMs: prng.between(10_000, 40_000) }) },
  'full-disks': {
    swarmP: 0.15,
    draw: prng => ({ fullDiskEveryMs: prng.between(5_000, 30_000) }),
  },
  wipes: { swarmP: 0.1, draw: prng => ({ wipeEveryMs: prng.between(10_000, 40_000) }) },
  /** The disks of a majority may go at once, so the cluster is one whose survivors go on. */
  disasters: {
    swarmP: 0.08,
    draw: prng => ({ disasterEveryMs: prng.between(10_000, 40_000) }),
  },
  rollbacks: { swarmP: 0.15, draw: prng => ({ rollbackEveryMs: prng.between(5_000, 20_000) }) },
  /** Voters and publishers are told to wait until there is room. */
  'little-room': { swarmP: 0.06, draw: () => ({ maxBytes: tightBytes }) },
  leaves: { swarmP: 0.3, draw: prng => ({ leaveEveryMs: prng.between(10_000, 40_000) }) },
  departures: {
    swarmP: 0.1,
    draw: prng => ({ departEveryMs: prng.between(10_000, 40_000) }),
  },
  joins: {
    swarmP: 0.3,
    draw: prng => ({ lateP: 0.4, lateMs: prng.pick([5_000, 40_000]) }),
  },
} satisfies Record<string, Kind>

/** One thing that may go wrong. */
export type FaultKind = keyof typeof kinds

/** All that may go wrong. */
export const faultKinds = Object.keys(kinds) as readonly FaultKind[]

const groups = {
  none: [],
  network: ['loss', 'duplicates', 'reorder', 'stale', 'delays', 'gossip-loss'],
  clocks: ['drift', 'wall-clocks'],
  disks: ['fsync-errors', 'bit-flips', 'full-disks', 'wipes', 'rollbacks', 'slow-disks'],
  members: ['joins', 'leaves', 'departures'],
  outages: ['crashes', 'power', 'crash-points', 'full-restart', 'checkpoints'],
  chaos: faultKinds,
} as const satisfies Record<string, readonly FaultKind[]>

/** Kinds of faults under one name; `swarm` switches on others for every seed. */
export type FaultGroup = keyof typeof groups | 'swarm'

/** What a mix of faults can be made of. */
export type FaultName = FaultKind | FaultGroup

/** All names of what a mix can be made of: groups first. */
export const faultNames: readonly FaultName[] = [
  'swarm',
  ...(Object.keys(groups) as (keyof typeof groups)[]),
  ...faultKinds,
]

/** What goes wrong in one run. */
export interface FaultMix {
  /** The kinds that are switched on. */
  readonly kinds: readonly FaultKind[]
  readonly faults: Faults
}

/** Which faults are wanted. */
export interface FaultsWanted {
  readonly names: readonly FaultName[]
  /** Kinds that are left out of what the names stand for. */
  readonly without: readonly FaultKind[]
}

/**
 * Draws the faults of a seed. In a swarm each kind is on in a share of the runs of its own, from 6 %
 * to 50 %, and no run has all of them: one in which everything goes wrong rarely gets far enough to
 * reach the interesting states. What one kind draws does not depend on which others are on.
 */
export function drawFaults(seed: number, { names, without }: FaultsWanted): FaultMix {
  const wanted = new Set<FaultKind>()
  for (const name of names) for (const kind of kindsOf(name, seed)) wanted.add(kind)
  const on = faultKinds.filter(kind => wanted.has(kind) && !without.includes(kind))
  const isPlain = names.every(name => name === 'none')
  let faults: Faults = isPlain ? calm : { ...calm, ...surroundings(seed) }
  for (const kind of on) faults = { ...faults, ...kinds[kind].draw(partOf(seed, kind)) }
  return { kinds: on, faults }
}

function kindsOf(name: FaultName, seed: number): readonly FaultKind[] {
  if (name === 'swarm') {
    return faultKinds.filter(kind => partOf(seed, `swarm ${kind}`).chance(kinds[kind].swarmP))
  }
  return Object.hasOwn(groups, name) ? groups[name as keyof typeof groups] : [name as FaultKind]
}

/** What networks, disks and processes are like where nothing is wrong with them. */
function surroundings(seed: number): Partial<Faults> {
  const prng = partOf(seed, 'surroundings')
  const latency = prng.pick([1, 1, 5, 50])
  return {
    latencyMs: [0.1 * latency, 2 * latency],
    fsyncMs: prng.pick<Span>([
      [0, 0],
      [0.3, 3],
      [2, 30],
      [1, 300],
    ]),
    turnMs: prng.pick<Span>([
      [0, 0],
      [0, 0.5],
      [0, 5],
    ]),
    timerSlackMs: prng.pick([0, 1, 15]),
  }
}

function partOf(seed: number, part: string): Prng {
  return Prng.named(seed, `faults ${part}`)
}

function slowness(prng: Prng): number {
  return prng.pick([10, 100])
}
