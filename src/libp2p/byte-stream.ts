import {
  ConnectionClosedError,
  type Stream,
  type StreamMessageEvent,
  TimeoutError,
} from '@libp2p/interface'
import { toError } from './failures.ts'

/** What is used of a stream. */
export type ByteStreamBase = Pick<
  Stream,
  | 'addEventListener'
  | 'pause'
  | 'resume'
  | 'readStatus'
  | 'readBufferLength'
  | 'writableNeedsDrain'
  | 'send'
  | 'abort'
>

/** Bytes that may wait here before no more are taken in. */
const waitingBytesMax = 256 * 1_024

/**
 * Reads and writes a stream of bytes no faster than they are used at either end.
 *
 * Only events do that: async iteration and the helpers for byte streams buffer without limit or
 * break the stream, and `onDrain` works once. Whoever waits for the peer waits no longer than the
 * idle time; the peer is not held responsible for the time that this side takes.
 */
export class ByteStream {
  readonly #stream: ByteStreamBase
  readonly #idleMs: number
  #chunks: Uint8Array[] = []
  #waitingBytes = 0
  #ended = false
  #failure: Error | undefined
  #resuming = false
  readonly #waiting = new Set<() => void>()

  constructor(stream: ByteStreamBase, { idleMs }: { readonly idleMs: number }) {
    this.#stream = stream
    this.#idleMs = idleMs
    stream.addEventListener('message', event => this.#take(event))
    stream.addEventListener('drain', () => this.#wake())
    stream.addEventListener('remoteCloseWrite', () => {
      this.#ended = true
      this.#wake()
    })
    stream.addEventListener('close', ({ error }) => this.fail(error ?? closed()))
  }

  /** Bytes that have come and were not read. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Ends every wait for a reason. */
  fail(error: unknown): void {
    this.#failure ??= toError(error)
    this.#wake()
  }

  /** Exactly so many bytes: a few, as they are put together. */
  async read(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count)
    let at = 0
    while (at < count) {
      const chunk = await this.#next(count - at)
      bytes.set(chunk, at)
      at += chunk.byteLength
    }
    return bytes
  }

  /** The next so many bytes as they come. */
  async *readAll(count: number): AsyncGenerator<Uint8Array> {
    let left = count
    while (left > 0) {
      const chunk = await this.#next(left)
      left -= chunk.byteLength
      yield chunk
    }
  }

  /** Resolves when more may be written. The bytes must not change any more. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#send(bytes)
    while (this.#stream.writableNeedsDrain) await this.#event()
  }

  /** The same, but for a peer that says something instead of reading: then false. */
  async writeUnheard(bytes: Uint8Array): Promise<boolean> {
    if (this.#waitingBytes > 0) return false
    this.#send(bytes)
    while (this.#stream.writableNeedsDrain && this.#waitingBytes === 0) await this.#event()
    return this.#waitingBytes === 0
  }

  #send(bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#stream.send(bytes)
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  async #next(count: number): Promise<Uint8Array> {
    while (this.#chunks.length === 0) {
      // What has come before the stream ended can still be read, but for a reset.
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended && this.#stream.readBufferLength === 0) throw closed()
      await this.#event()
    }
    const [first = new Uint8Array(0)] = this.#chunks
    const chunk = first.subarray(0, count)
    if (chunk.byteLength === first.byteLength) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(count)
    this.#waitingBytes -= chunk.byteLength
    this.#resume()
    return chunk
  }

  /** Resolves when something happens to the stream; rejects if that is its end. */
  async #event(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const { promise, resolve } = Promise.withResolvers<void>()
    const late = setTimeout(() => {
      this.fail(new TimeoutError(`Peer was silent for ${this.#idleMs} ms`))
    }, this.#idleMs)
    this.#waiting.add(resolve)
    await promise
    this.#waiting.delete(resolve)
    clearTimeout(late)
  }

  #take({ data }: StreamMessageEvent): void {
    // The encryption layer uses its buffers again.
    for (const part of data instanceof Uint8Array ? [data] : data) this.#chunks.push(part.slice())
    this.#waitingBytes += data.byteLength
    this.#throttle()
    this.#wake()
  }

  #throttle(): void {
    if (this.#resuming || this.#waitingBytes < waitingBytesMax) return
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  #resume(): void {
    if (this.#waitingBytes > waitingBytesMax / 2 || this.#stream.readStatus !== 'paused') return
    // Resuming hands out what is buffered before it opens the window again: pausing in between
    // would be undone, and the peer could overrun the buffer of a stream that looks paused.
    this.#resuming = true
    try {
      this.#stream.resume()
    } finally {
      this.#resuming = false
    }
    this.#throttle()
  }
}

function closed(): Error {
  return new ConnectionClosedError('Peer ended the stream before its time')
}
