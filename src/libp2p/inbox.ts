import type { Stream, StreamMessageEvent } from '@libp2p/interface'
import { toError } from './failures.ts'
import { FrameReader } from './frame-reader.ts'

/** What an inbox reads from. */
export type InboxStream = Pick<Stream, 'pause' | 'resume' | 'readStatus' | 'addEventListener'>

export interface InboxInit {
  readonly maxFrameBytes: number
  /** Frames whose handling may be pending before reading stops. */
  readonly pendingFramesMax: number
  /** Bytes of such frames. */
  readonly pendingBytesMax: number
  /** Takes a frame, in order; a promise holds the sender back until it is settled. */
  readonly onFrame: (frame: Uint8Array) => void | Promise<void>
  /** Called once, when a frame is malformed or cannot be handled. */
  readonly onFailed: (error: Error) => void
}

/**
 * Reads frames from a long-lived stream, and less and less while the handling of earlier ones is
 * pending.
 *
 * Back-pressure works only this way: async iteration, pipes and byte streams buffer without limit
 * or break the stream. While it is paused the muxer sends no window updates. One chunk may carry
 * many frames, so the limits are passed by at most a chunk, which is a receive window.
 */
export class Inbox {
  readonly #stream: InboxStream
  readonly #init: InboxInit
  readonly #reader: FrameReader
  #pendingFrames = 0
  #pendingBytes = 0
  #resuming = false
  #closed = false

  constructor(stream: InboxStream, init: InboxInit) {
    this.#stream = stream
    this.#init = init
    this.#reader = new FrameReader(init.maxFrameBytes)
    stream.addEventListener('message', event => this.#take(event))
  }

  /** Bytes of frames whose handling is pending or that are not complete. */
  get heldBytes(): number {
    return this.#pendingBytes + this.#reader.heldBytes
  }

  /** Takes in nothing any more. */
  close(): void {
    this.#closed = true
  }

  #take(event: StreamMessageEvent): void {
    if (this.#closed) return
    try {
      this.#reader.push(event.data, frame => this.#dispatch(frame))
    } catch (error) {
      this.#fail(error)
    }
    this.#throttle()
  }

  #dispatch(frame: Uint8Array): void {
    if (this.#closed) return
    const handled = this.#init.onFrame(frame)
    if (handled === undefined) return
    this.#pendingFrames++
    this.#pendingBytes += frame.byteLength
    handled.then(
      () => this.#done(frame),
      (error: unknown) => {
        this.#done(frame)
        this.#fail(error)
      },
    )
  }

  #done(frame: Uint8Array): void {
    this.#pendingFrames--
    this.#pendingBytes -= frame.byteLength
    if (this.#closed || this.#stream.readStatus !== 'paused' || !this.#isBelow(0.5)) return
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

  #throttle(): void {
    if (this.#closed || this.#resuming || this.#isBelow(1)) return
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  #isBelow(share: number): boolean {
    return (
      this.#pendingFrames < this.#init.pendingFramesMax * share &&
      this.#pendingBytes < this.#init.pendingBytesMax * share
    )
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#init.onFailed(toError(error))
  }
}
