import { createHash } from 'node:crypto'
import { InvalidParametersError } from '@libp2p/interface'

/** The wire version that this package speaks best. */
export const wireVersion = 1
/** The oldest wire version that this package still speaks. */
export const minWireVersion = 1
/** The newest wire version that this package speaks. */
export const maxWireVersion = wireVersion

/** Longest name of a mesh, in characters: it has to fit into a DNS label. */
export const maxMeshNameLength = 63

/** The names under which the nodes of one mesh find each other, and nobody else. */
export interface MeshProtocols {
  /** Protocol id of the control stream, one per pair of peers. */
  readonly control: string
  /** Protocol id of streams for one bounded request and its answer. */
  readonly query: string
  /** Protocol id of streams that carry large payloads and results. */
  readonly blob: string
  /** Gossip topic. */
  readonly topic: string
  /** mDNS service. */
  readonly serviceTag: string
  /** Prefix of the protocol ids of identify, ping and others of libp2p's, without slashes. */
  readonly prefix: string
}

/**
 * What a mesh of this name is called on the network.
 *
 * @throws {InvalidParametersError} The name is not 1 to 63 characters of a-z, 0-9 and '-'.
 */
export function meshProtocols(mesh: string): MeshProtocols {
  if (!/^[a-z0-9-]+$/.test(mesh) || mesh.length > maxMeshNameLength) {
    throw new InvalidParametersError(
      `The name of a mesh must be 1 to ${maxMeshNameLength} characters of a-z, 0-9 and '-'`,
    )
  }
  const digest = createHash('sha256').update(mesh).digest('hex').slice(0, 12)
  return {
    control: `/meshwork/${mesh}/control/${wireVersion}`,
    query: `/meshwork/${mesh}/query/${wireVersion}`,
    blob: `/meshwork/${mesh}/blob/${wireVersion}`,
    topic: `meshwork/${mesh}/hints/${wireVersion}`,
    serviceTag: `_mw-${digest}._udp.local`,
    prefix: `meshwork/${mesh}`,
  }
}
