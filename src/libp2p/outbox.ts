import type { Stream } from '@libp2p/interface'
import { encode } from 'it-length-prefixed'
import { lengthBytes, writeLength } from './frame-reader.ts'

/** What an outbox writes to. */
export type OutboxStream = Pick<
  Stream,
  'send' | 'writableNeedsDrain' | 'writeStatus' | 'writeBufferLength' | 'addEventListener'
>

export interface OutboxInit {
  /** Most bytes of one write; a larger frame is written alone. */
  readonly writeBytesMax: number
  /** Bytes that may wait for a peer that does not read. */
  readonly bufferBytesMax: number
  /** Called when that many wait, or a write fails; nothing is sent any more. */
  readonly onFailed: (error: Error) => void
}

/** Frames at least this long are written as they are: copying costs more than a list of two. */
const copyBytesMax = 16 * 1024

/**
 * Gathers the frames of one turn into few large writes. Each write costs one frame of the muxer,
 * one encryption and one system call, however many frames of ours are in it.
 *
 * Nothing is written while the stream waits for its `drain` event. Frames gather meanwhile, so
 * the slower the peer, the larger the batches. (`stream.onDrain()` is of no use here: its promise
 * is made once and stays resolved after the first drain.)
 */
export class Outbox {
  readonly #stream: OutboxStream
  readonly #init: OutboxInit
  #frames: Uint8Array[] = []
  #head = 0
  #bytes = 0
  #scheduled = false
  #closed = false

  constructor(stream: OutboxStream, init: OutboxInit) {
    this.#stream = stream
    this.#init = init
    stream.addEventListener('drain', () => this.flush())
  }

  /** Bytes that wait here or in the stream. */
  get waitingBytes(): number {
    return this.#bytes + this.#stream.writeBufferLength
  }

  /** Queues a frame, to be written at the end of this turn. The bytes must not change any more. */
  push(frame: Uint8Array): void {
    if (this.#closed) return
    this.#frames.push(frame)
    this.#bytes += frame.byteLength
    if (this.waitingBytes > this.#init.bufferBytesMax) {
      this.#fail(new Error(`Peer does not read, ${this.waitingBytes} bytes wait for it`))
      return
    }
    if (this.#scheduled || this.#stream.writableNeedsDrain) return
    this.#scheduled = true
    queueMicrotask(() => this.flush())
  }

  /** Writes what the stream takes now. */
  flush(): void {
    this.#scheduled = false
    try {
      while (!this.#closed && this.#head < this.#frames.length) {
        if (this.#stream.writableNeedsDrain || this.#stream.writeStatus !== 'writable') return
        this.#stream.send(this.#take())
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** Hands the stream all that waits, to be sent before it is closed; nothing is taken any more. */
  finish(): void {
    try {
      while (this.#head < this.#frames.length) this.#stream.send(this.#take())
    } catch {
      // The stream has closed before, and what was to be sent is lost with it.
    }
    this.close()
  }

  /** Throws away what waits. */
  close(): void {
    this.#closed = true
    this.#frames = []
    this.#head = 0
    this.#bytes = 0
  }

  #fail(error: Error): void {
    if (this.#closed) return
    this.close()
    this.#init.onFailed(error)
  }

  #take(): ReturnType<typeof encode.single> | Uint8Array {
    const start = this.#head
    let total = 0
    let frame = this.#frames[this.#head]
    while (frame !== undefined) {
      const bytes = lengthBytes(frame.byteLength) + frame.byteLength
      if (this.#head > start && total + bytes > this.#init.writeBytesMax) break
      total += bytes
      this.#bytes -= frame.byteLength
      frame = this.#frames[++this.#head]
    }
    const first = this.#frames[start] as Uint8Array
    const alone = this.#head === start + 1 && first.byteLength >= copyBytesMax
    const write = alone ? encode.single(first) : this.#join(start, total)
    this.#forget()
    return write
  }

  #join(start: number, total: number): Uint8Array {
    const write = Buffer.allocUnsafe(total)
    let at = 0
    for (let i = start; i < this.#head; i++) {
      const frame = this.#frames[i] as Uint8Array
      at = writeLength(write, at, frame.byteLength)
      write.set(frame, at)
      at += frame.byteLength
    }
    return write
  }

  #forget(): void {
    if (this.#head === this.#frames.length) {
      this.#frames = []
      this.#head = 0
    } else if (this.#head >= 1_024) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
  }
}
