import { BlobUnavailableError } from '../../src/blobs/errors.ts'
import type {
  BlobCallOptions,
  BlobGift,
  BlobNetwork,
  BlobRequest,
  PutAnswer,
} from '../../src/blobs/ports.ts'
import { chunkBytes } from '../../src/blobs/ports.ts'
import { hashOf } from './stores.ts'

/** What a peer does with one request for a range; without it, it gives what it has. */
type OnGet = (request: BlobRequest) => AsyncIterable<Uint8Array> | undefined

/** Peers that hold blobs in memory, and misbehave as the test wants. */
export class FakeNetwork implements BlobNetwork {
  readonly blobs = new Map<string, Map<string, Uint8Array>>()
  readonly requests: { readonly peer: string; readonly offset: number }[] = []
  readonly puts: { readonly peer: string; readonly spread: boolean }[] = []
  readonly onGet = new Map<string, OnGet>()
  readonly onPut = new Map<string, () => Promise<PutAnswer>>()
  /** Requests that are being answered now, and the most there ever were. */
  active = 0
  mostActive = 0

  give(peer: string, ...contents: readonly Uint8Array[]): void {
    const blobs = this.blobs.get(peer) ?? new Map<string, Uint8Array>()
    for (const bytes of contents) blobs.set(hashOf(bytes), bytes)
    this.blobs.set(peer, blobs)
  }

  async *get(
    peer: string,
    request: BlobRequest,
    { signal }: BlobCallOptions,
  ): AsyncGenerator<Uint8Array> {
    this.requests.push({ peer, offset: request.offset })
    this.mostActive = Math.max(this.mostActive, ++this.active)
    try {
      const bytes = this.blobs.get(peer)?.get(request.hash)
      if (bytes?.byteLength !== request.size) throw new BlobUnavailableError(request.hash)
      yield* this.onGet.get(peer)?.(request) ?? rangeIn(bytes, request, signal)
    } finally {
      this.active--
    }
  }

  async put(peer: string, gift: BlobGift): Promise<PutAnswer> {
    this.puts.push({ peer, spread: gift.spread })
    const answer = await this.onPut.get(peer)?.()
    if (answer === 'full') return answer
    const chunks = await Array.fromAsync(gift.read(0), chunk => chunk.slice())
    this.give(peer, Buffer.concat(chunks))
    return 'stored'
  }

  serve(): void {}

  movedBytes(): number {
    return 0
  }
}

/** A range of some bytes, chunk by chunk. */
export async function* rangeIn(
  bytes: Uint8Array,
  { offset, length }: { readonly offset: number; readonly length: number },
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const end = offset + length
  for (let at = offset; at < end; at += chunkBytes) {
    await new Promise(resolve => setImmediate(resolve))
    signal?.throwIfAborted()
    yield bytes.subarray(at, Math.min(end, at + chunkBytes))
  }
}

/** The beginning of a range, and then an error. */
export async function* tornRange(
  bytes: Uint8Array,
  { offset, length }: { readonly offset: number; readonly length: number },
): AsyncGenerator<Uint8Array> {
  yield* rangeIn(bytes, { offset, length: Math.floor(length / 2) })
  throw new Error('connection lost')
}
