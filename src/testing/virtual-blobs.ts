import { BlobUnavailableError } from '../blobs/errors.ts'
import type {
  BlobCallOptions,
  BlobGift,
  BlobNetwork,
  BlobRequest,
  BlobServer,
  PutAnswer,
} from '../blobs/ports.ts'
import type { PeerId } from '../core/ids.ts'
import type { Route } from './route.ts'

/** Blobs of other simulated nodes: every chunk takes its time, and comes only if the way is open. */
export class VirtualBlobs implements BlobNetwork {
  readonly #route: Route
  #server: BlobServer | undefined
  #moved = 0

  constructor(route: Route) {
    this.#route = route
  }

  get server(): BlobServer | undefined {
    return this.#server
  }

  async *get(
    peer: PeerId,
    { hash, size, offset, length }: BlobRequest,
    { signal }: BlobCallOptions,
  ): AsyncGenerator<Uint8Array> {
    const server = await this.#serverOf(peer, signal)
    if (server.size(hash) !== size || offset + length > size) throw new BlobUnavailableError(hash)
    for await (const chunk of server.read(hash, { offset, length })) {
      await this.#route.hop(this.#route.indexOf(peer), this.#route.from, signal)
      this.#moved += chunk.byteLength
      yield chunk
    }
  }

  async put(peer: PeerId, gift: BlobGift, { signal }: BlobCallOptions): Promise<PutAnswer> {
    const { hash, size, spread } = gift
    const server = await this.#serverOf(peer, signal)
    const receiver = await server.receive({ hash, size }, signal)
    if (receiver === 'full') return 'full'
    if (receiver !== 'have') {
      try {
        for await (const chunk of gift.read(receiver.offset)) {
          await this.#route.hop(this.#route.from, this.#route.indexOf(peer), signal)
          this.#moved += chunk.byteLength
          await receiver.write(chunk)
        }
        await receiver.finish()
      } catch (error) {
        await receiver.close()
        throw error
      }
    }
    if (spread) await server.spread({ hash, size }, signal)
    return 'stored'
  }

  movedBytes(): number {
    return this.#moved
  }

  serve(server: BlobServer): void {
    this.#server = server
  }

  #serverOf(peer: PeerId, signal: AbortSignal): Promise<BlobServer> {
    return this.#route.call(peer, signal, async ({ server }) => {
      if (server === undefined) throw new Error(`${peer} serves nothing yet`)
      return server
    })
  }
}
