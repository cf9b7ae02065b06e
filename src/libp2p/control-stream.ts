import type { Connection, Stream } from '@libp2p/interface'
import { ProtocolError } from '@libp2p/interface'
import type { Envelope } from '../core/messages.ts'
import type { Codec } from './codec.ts'
import { toError } from './failures.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'

/** Bounds of one control stream, in bytes unless they say otherwise. */
export interface ControlLimits {
  readonly frameBytesMax: number
  readonly writeBytesMax: number
  readonly bufferBytesMax: number
  readonly pendingFramesMax: number
  readonly pendingBytesMax: number
}

export interface ControlStreamInit {
  readonly stream: Stream
  readonly connection: Connection
  readonly codec: Codec
  readonly limits: ControlLimits
  /** A stream that this side opened has been accepted: frames may be sent, and follow. */
  readonly onOpen: () => void
  readonly onMessage: (envelope: Envelope) => void | Promise<void>
  /** The stream has ended; the error tells why unless it ended in order. */
  readonly onClosed: (error: Error | undefined) => void
}

const closeTimeoutMs = 1_000

/**
 * The stream on which two peers exchange frames for as long as they are connected.
 *
 * The side that accepted it sends an empty frame first. Only then does the side that opened it
 * take it for open: a stream can be handed out by libp2p after the remote has already refused it.
 */
export class ControlStream {
  readonly connection: Connection
  /** Whether this side opened it. */
  readonly outbound: boolean
  readonly #init: ControlStreamInit
  readonly #stream: Stream
  readonly #inbox: Inbox
  readonly #outbox: Outbox
  #open = false
  #closed = false

  constructor(init: ControlStreamInit) {
    const { stream, connection, limits } = init
    this.#init = init
    this.#stream = stream
    this.connection = connection
    this.outbound = stream.direction === 'outbound'
    this.#outbox = new Outbox(stream, {
      writeBytesMax: limits.writeBytesMax,
      bufferBytesMax: limits.bufferBytesMax,
      onFailed: error => this.abort(error),
    })
    this.#inbox = new Inbox(stream, {
      maxFrameBytes: limits.frameBytesMax,
      pendingFramesMax: limits.pendingFramesMax,
      pendingBytesMax: limits.pendingBytesMax,
      onFrame: frame => this.#take(frame),
      onFailed: error => this.abort(error),
    })
    stream.addEventListener('close', event => this.#end(event.error))
    stream.addEventListener('remoteCloseWrite', () => void this.close())
  }

  /** Tells the side that opened the stream that it has been accepted. */
  accept(): void {
    this.#open = true
    this.#outbox.push(new Uint8Array(0))
  }

  /** Bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#outbox.waitingBytes
  }

  /** Bytes received whose handling is pending. */
  get heldBytes(): number {
    return this.#inbox.heldBytes
  }

  /** Queues a frame; it is encoded at once, so what it was made of may change. */
  send(envelope: Envelope): void {
    if (!this.#closed) this.#outbox.push(this.#init.codec.encodeEnvelope(envelope))
  }

  /** Sends what waits, then ends the stream; at most a second. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#outbox.finish()
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(closeTimeoutMs) })
    } catch (error) {
      this.#stream.abort(toError(error))
    }
    this.#end(undefined)
  }

  /** Ends the stream at once and lets the peer know that something was wrong. */
  abort(error: Error): void {
    if (this.#closed) return
    this.#end(error)
    this.#stream.abort(error)
  }

  #take(frame: Uint8Array): void | Promise<void> {
    if (this.#closed) return
    if (!this.#open) {
      if (frame.byteLength > 0) throw new ProtocolError('Peer did not greet first')
      this.#open = true
      this.#init.onOpen()
      return
    }
    const envelope = this.#init.codec.decodeEnvelope(frame)
    // What only a newer version knows is passed over: HELLO has told it which versions we speak.
    return envelope === undefined ? undefined : this.#init.onMessage(envelope)
  }

  #end(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox.close()
    this.#outbox.close()
    this.#init.onClosed(error)
  }
}
