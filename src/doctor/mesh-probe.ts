import { createNode } from '../node.ts'
import type { MeshNode } from '../mesh-node.ts'
import type { NodeHealth } from '../node-health.ts'

/** What a guest needs to join the mesh. */
export interface MeshProbeInit {
  readonly mesh: string
  readonly secret: string | undefined
  readonly bootstrap: readonly string[]
  readonly mdns: boolean
  /** Where the guest listens, so that peers can try to reach it. */
  readonly listen?: readonly string[] | undefined
  /** How long it looks for others, in milliseconds. */
  readonly findMs: number
}

/** How long others may take to connect once the first has, in milliseconds. */
const gatherMs = 500

/** Joins the mesh as a guest that can be reached, looks around, and leaves. */
export async function visitMesh(init: MeshProbeInit, signal: AbortSignal): Promise<NodeHealth> {
  const { mesh, secret, bootstrap, mdns, findMs } = init
  const listen = init.listen ?? ['/ip4/0.0.0.0/tcp/0']
  const guest = await createNode({ mesh, secret, bootstrap, mdns, listen, guest: true })
  try {
    signal.throwIfAborted()
    await untilMet(guest, AbortSignal.any([signal, AbortSignal.timeout(findMs)]))
    return await guest.health({ signal })
  } finally {
    await guest.stop()
  }
}

/** Resolves when others are connected, or there was time enough. */
async function untilMet(guest: MeshNode, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let timer: NodeJS.Timeout | undefined
  const onJoined = (): void => {
    timer ??= setTimeout(resolve, gatherMs)
  }
  const onAbort = (): void => resolve()
  guest.addEventListener('peer:joined', onJoined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) resolve()
  if (guest.peers().some(({ connected }) => connected)) onJoined()
  try {
    await promise
  } finally {
    clearTimeout(timer)
    guest.removeEventListener('peer:joined', onJoined)
    signal.removeEventListener('abort', onAbort)
  }
}
