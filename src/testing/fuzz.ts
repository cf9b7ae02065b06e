import { checkInteger } from '../config.ts'
import { resolveInit, type TestClusterConfig, type TestClusterInit } from './cluster-init.ts'
import { type FaultKind, type FaultName } from '../simulator/fault-kinds.ts'
import { failureOf } from './failure.ts'
import { callingFile, seedVariable } from './rerun.ts'
import type { TestCluster } from './test-cluster.ts'
import { VirtualCluster } from './virtual-cluster.ts'

/** Clusters that a scenario is tried on. */
export interface FuzzInit extends Omit<TestClusterInit, 'transport'> {
  /**
   * How many, each with the next seed. One where `MESHWORK_SEED` gives the seed.
   *
   * @default 20
   */
  readonly runs?: number | undefined
}

/** What a test does with a cluster in which things go wrong. */
export type Scenario = (cluster: TestCluster) => Promise<void>

/** How many clusters are made in order to find a smaller failure. */
const shrinksMax = 40

/**
 * Tries a scenario on one cluster after the other, each with the faults of its seed: those of
 * `faults`, by default a swarm of all kinds. Node 0 is spared, so that the scenario can publish there. After the
 * scenario all heals, every task must be decided, and the nodes must be of one mind.
 *
 * What fails is tried again with fewer faults and fewer nodes; the error tells the smallest.
 */
export async function fuzz(init: FuzzInit, scenario: Scenario): Promise<void> {
  const { runs = process.env[seedVariable] === undefined ? 20 : 1, ...rest } = init
  checkInteger('runs', runs, 1, 1_000_000)
  const file = callingFile()
  const config = resolveInit({ faults: ['swarm'], ...rest })
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

function* smallerThan({ config, kinds }: Failed): Generator<TestClusterConfig> {
  for (const kind of kinds) yield { ...config, without: [...config.without, kind] }
  if (config.nodes > 1) yield { ...config, nodes: config.nodes - 1 }
}

/** A scenario that wants a node which is not there fails for another reason. */
function isAlike(one: unknown, other: unknown): boolean {
  return one instanceof Error && other instanceof Error && one.name === other.name
}

function errorOf(failed: Failed, least: Failed, file: string | undefined): Error {
  const { seed } = failed.config
  const reason = failed.error instanceof Error ? failed.error.message : String(failed.error)
  const faults: readonly FaultName[] = least.kinds
  const smaller = `fails alike with nodes: ${least.config.nodes}, faults: [${faults.join(', ')}]`
  const error = failureOf(reason, [smaller], { seed, faults: failed.kinds, file })
  error.cause = failed.error
  return error
}
