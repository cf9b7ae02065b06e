import type { Logger } from '@libp2p/interface'
import type { MeshNodeConfig } from './config.ts'
import type { SetAside } from './driver/ports.ts'
import type { MeshNode } from './mesh-node.ts'
import { setAsideDetail } from './set-aside.ts'
import type { Timers } from './time/timers.ts'

/** What a node has started with. */
export interface StartFacts {
  readonly config: MeshNodeConfig
  readonly log: Logger
  readonly timers: Timers
  readonly setAside?: SetAside | undefined
}

/** Says what a user should know of a node that has just started. */
export function noteStart(
  node: Pick<MeshNode, 'peerId' | 'addresses' | 'safeDispatchEvent'>,
  { config, log, timers, setAside }: StartFacts,
): void {
  log('node %s of mesh %s is up at %o', node.peerId, config.mesh, node.addresses)
  if (config.dataDir === undefined && !config.guest) {
    log('without a data directory, what this node holds is gone when it stops')
  }
  if (config.secret === undefined && config.libp2p === undefined) {
    log('without a secret, everybody on the network may join mesh %s', config.mesh)
  }
  if (setAside === undefined) return
  const detail = setAsideDetail(setAside)
  log.error(detail.message)
  // Whoever has made the node listens a moment after it is up.
  timers.soon(() => {
    node.safeDispatchEvent('storage:set-aside', { detail })
  })
}
