import { resolveInit, type TestClusterInit } from './cluster-init.ts'
import { tellIfFailed } from './drawn-seeds.ts'
import { callSite, givenSeed } from './rerun.ts'
import type { TestCluster } from './test-cluster.ts'
import { TcpCluster } from './tcp-cluster.ts'
import { VirtualCluster } from './virtual-cluster.ts'

/**
 * Makes a mesh for a test, with its nodes connected.
 *
 * @throws {InvalidParametersError} An option is out of bounds.
 */
export async function createTestCluster(init: TestClusterInit = {}): Promise<TestCluster> {
  const config = resolveInit(init)
  const Cluster = config.transport === 'tcp' ? TcpCluster : VirtualCluster
  const site = callSite()
  const cluster = new Cluster(config, site.file)
  if (init.seed === undefined && givenSeed() === undefined) await tellIfFailed(config.seed, site)
  try {
    await cluster.start()
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}
