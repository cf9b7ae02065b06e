import { NotFoundError } from '@libp2p/interface'
import type { BlobServer } from '../blobs/ports.ts'
import type { PeerId } from '../core/ids.ts'
import type { QueryHandler } from '../driver/ports.ts'
import type { World } from '../simulator/world.ts'

/** What a simulated node does for peers beside its control streams. */
export interface RouteTarget {
  readonly answer: QueryHandler | undefined
  readonly server: BlobServer | undefined
}

/** The way from one simulated node to others, for questions and blobs. */
export class Route {
  readonly #world: World
  readonly #from: number
  readonly #targetOf: (index: number) => RouteTarget | undefined

  constructor(world: World, from: number, targetOf: (index: number) => RouteTarget | undefined) {
    this.#world = world
    this.#from = from
    this.#targetOf = targetOf
  }

  /** Does something at a peer: the way there and back takes its time, and may be cut meanwhile. */
  async call<T>(
    peer: PeerId,
    signal: AbortSignal,
    work: (target: RouteTarget) => Promise<T>,
  ): Promise<T> {
    const to = this.#world.network.indexOf(peer)
    await this.hop(this.#from, to, signal)
    const target = this.#targetOf(to)
    if (target === undefined) throw new NotFoundError(`Peer ${peer} is not up`)
    const answer = await abortable(work(target), signal)
    await this.hop(to, this.#from, signal)
    return answer
  }

  /** Takes the time of one way. */
  async hop(from: number, to: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { network, nodes } = this.#world
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#world.after(network.latencyMs(), () => {
      const node = nodes[to]
      if (node?.running === true) node.whenAble(resolve)
      else resolve()
    })
    await abortable(promise, signal)
    if (!network.reaches(from, to)) throw new NotFoundError('The peer is not connected')
  }

  /** The index of a peer's node, and of this one. */
  indexOf(peer: PeerId): number {
    return this.#world.network.indexOf(peer)
  }

  get from(): number {
    return this.#from
  }
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
