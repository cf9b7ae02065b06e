import { checkInteger } from '../config.ts'
import { InvalidParametersError } from '../errors.ts'
import type { FaultKind } from '../simulator/fault-kinds.ts'
import { checkInit } from './check-init.ts'
import {
  initNames,
  resolveInit,
  type TestClusterConfig,
  type TestClusterInit,
} from './cluster-init.ts'
import { failureOf, toldBy } from './failure.ts'
import { callSite, givenSeed, userPlace } from './rerun.ts'
import type { TestCluster } from './test-cluster.ts'
import { VirtualCluster } from './virtual-cluster.ts'

/** Clusters that a scenario is tried on. */
export interface FuzzInit extends Omit<TestClusterInit, 'transport' | 'seed'> {
  /**
   * The first seed. `MESHWORK_SEED` goes before it: that is the one to be tried again.
   */
  readonly seed?: number | undefined
  /**
   * How many, each with the next seed. One only where `MESHWORK_SEED` gives the seed.
   *
   * @default 20
   */
  readonly runs?: number | undefined
}

/** What a test does with a cluster in which things go wrong. */
export type Scenario = (cluster: TestCluster) => Promise<void>

/** How many clusters are made in order to find a smaller failure. */
const shrinksMax = 40

const names = [...initNames.filter(name => name !== 'transport'), 'runs']

/**
 * Tries a scenario on one cluster after the other, each with the faults of its seed: those of
 * `faults`, by default a swarm of all kinds. Node 0 is spared, so that the scenario can publish there. After the
 * scenario all heals, every task must be decided, and the nodes must be of one mind.
 *
 * What fails is tried again with fewer faults and fewer nodes; the error tells the smallest.
 */
export async function fuzz(init: FuzzInit, scenario: Scenario): Promise<void> {
  checkInit('fuzz', init, names)
  if (typeof scenario !== 'function') {
    throw new InvalidParametersError('fuzz needs a scenario: async c => { … }')
  }
  const { runs: wanted = 20, ...rest } = init
  checkInteger('runs', wanted, 1, 1_000_000)
  const again = givenSeed()
  const runs = again === undefined ? wanted : 1
  const { file } = callSite()
  const config = resolveInit({ faults: ['swarm'], ...rest, seed: again ?? rest.seed })
  checkInteger('seed', config.seed, 0, Number.MAX_SAFE_INTEGER - runs + 1)
  for (let run = 0; run < runs; run++) {
    const failed = await attempt({ ...config, seed: config.seed + run }, scenario, file)
    if (failed !== undefined) throw await smallest(failed, scenario, file)
  }
}

interface Failed {
  readonly config: TestClusterConfig
  readonly kinds: readonly FaultKind[]
  readonly error: unknown
}

async function attempt(
  config: TestClusterConfig,
  scenario: Scenario,
  file: string | undefined,
): Promise<Failed | undefined> {
  const cluster = new VirtualCluster(config, file)
  try {
    await cluster.start()
    await scenario(cluster)
    cluster.heal()
    await cluster.settle()
    cluster.assertConverged()
    return undefined
  } catch (error) {
    return { config, kinds: cluster.simulation.mix.kinds, error }
  } finally {
    await cluster.stop()
  }
}

/** Leaves out one thing after the other, as long as the scenario fails. */
async function smallest(
  failed: Failed,
  scenario: Scenario,
  file: string | undefined,
): Promise<Error> {
  let least = failed
  for (let tries = 0, isSmaller = true; isSmaller;) {
    isSmaller = false
    for (const config of smallerThan(least)) {
      if (tries++ === shrinksMax) return errorOf(failed, least, file)
      const again = await attempt(config, scenario, file)
      if (again === undefined || !isAlike(again.error, failed.error)) continue
      least = again
      isSmaller = true
      break
    }
  }
  return errorOf(failed, least, file)
}

/** Each is what a test can ask for, and fails, if it does, when it is asked for. */
function* smallerThan({ config, kinds }: Failed): Generator<TestClusterConfig> {
  for (const kind of kinds) yield { ...config, faults: kinds.filter(one => one !== kind) }
  if (kinds.length === 0 && config.faults.length > 0) yield { ...config, faults: [] }
  if (config.nodes > 1) yield { ...config, nodes: config.nodes - 1 }
}

/**
 * Whether two errors have one reason: they are of one class, and thrown at one place of the test;
 * what a cluster finds by itself must read alike, too, but for numbers and names of tasks.
 */
function isAlike(one: unknown, other: unknown): boolean {
  if (!(one instanceof Error && other instanceof Error)) return String(one) === String(other)
  const place = userPlace(one.stack ?? '')
  if (one.name !== other.name || place !== userPlace(other.stack ?? '')) return false
  const isTests = place !== undefined && toldBy(one) === undefined && toldBy(other) === undefined
  return isTests || gistOf(one) === gistOf(other)
}

function gistOf({ message }: Error): string {
  const [first = ''] = message.split('\n', 1)
  return first.replaceAll(/[0-9a-f]{32}-\d+|\d+/g, '#')
}

function errorOf(failed: Failed, least: Failed, file: string | undefined): Error {
  const { config, kinds, error } = failed
  const { what, problems } = (error instanceof Error ? toldBy(error) : undefined) ?? {
    what: error instanceof Error ? error.message : String(error),
    problems: [],
  }
  // The kinds that a swarm has drawn are the same by their names.
  const faults = (least.kinds.length > 0 ? least.kinds : least.config.faults).map(it => `'${it}'`)
  const smaller = `fails alike with nodes: ${least.config.nodes}, faults: [${faults.join(', ')}]`
  const found = failureOf([what, `  ${smaller}`].join('\n'), problems, {
    seed: config.seed,
    faults: kinds,
    file,
  })
  found.cause = error
  return found
}
