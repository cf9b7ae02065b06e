import type { Connection, Libp2p, Logger, PeerId, Stream } from '@libp2p/interface'
import {
  AbortError,
  ConnectionClosedError,
  ProtocolError,
  setMaxListeners,
} from '@libp2p/interface'
import type { Envelope } from '../core/messages.ts'
import type { Codec } from './codec.ts'
import type { ControlLimits } from './control-stream.ts'
import { ControlStream } from './control-stream.ts'
import { toError } from './failures.ts'

/** Whoever wants to know which peers there are; the keeper and the driver. */
export interface ControlEvents {
  up(peer: PeerId): void
  down(peer: PeerId, error: Error | undefined): void
  message(peer: PeerId, envelope: Envelope): void | Promise<void>
}

export interface ControlInit {
  readonly libp2p: Libp2p
  readonly protocol: string
  readonly codec: Codec
  readonly limits: ControlLimits
  /** How long the side that need not open the stream waits for the other, in milliseconds. */
  readonly waitMs: number
  /** How long opening may take, in milliseconds. */
  readonly openMs: number
  readonly log: Logger
  /** Resolves when streams may be taken in. */
  readonly ready: Promise<void>
  readonly isWelcome: (peer: PeerId) => boolean
  readonly events: ControlEvents
}

/**
 * Keeps at most one control stream per peer.
 *
 * The peer with the lower id opens it. The other one waits, and opens it after all when nothing
 * comes. Where two streams cross, that of the lower id stays; a stream from the side that opened
 * the present one replaces it, because that side would not open another while it has one.
 */
export class Control {
  readonly #init: ControlInit
  readonly #self: string
  readonly #streams = new Map<string, { readonly stream: ControlStream; readonly since: number }>()
  readonly #opening = new Map<string, AbortController>()
  readonly #waiting = new Map<string, Set<() => void>>()
  #stopped = false

  constructor(init: ControlInit) {
    this.#init = init
    this.#self = init.libp2p.peerId.toString()
  }

  async start(): Promise<void> {
    await this.#init.libp2p.handle(this.#init.protocol, this.#accept, {
      maxInboundStreams: 4,
      maxOutboundStreams: 4,
      runOnLimitedConnection: false,
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#init.libp2p.unhandle(this.#init.protocol)
    for (const opening of this.#opening.values()) opening.abort(new AbortError('Node stops'))
    await Promise.all([...this.#streams.values()].map(({ stream }) => stream.close()))
  }

  /** Peers whose control stream is open. */
  peers(): string[] {
    return [...this.#streams.keys()]
  }

  isUp(peer: string): boolean {
    return this.#streams.has(peer)
  }

  /** The connection that carries a peer's control stream. */
  connection(peer: string): Connection | undefined {
    return this.#streams.get(peer)?.stream.connection
  }

  /** Bytes that wait to be sent to all peers, and bytes of theirs whose handling is pending. */
  load(): { readonly waitingBytes: number; readonly heldBytes: number } {
    let waitingBytes = 0
    let heldBytes = 0
    for (const { stream } of this.#streams.values()) {
      waitingBytes += stream.waitingBytes
      heldBytes += stream.heldBytes
    }
    return { waitingBytes, heldBytes }
  }

  send(peer: string, envelope: Envelope): void {
    this.#streams.get(peer)?.stream.send(envelope)
  }

  /** Ends a peer's stream in order; `down` follows. */
  async close(peer: string): Promise<void> {
    await this.#streams.get(peer)?.stream.close()
  }

  /** Whether this side is the one to open the stream to a peer. */
  opens(peer: string): boolean {
    return this.#self < peer
  }

  /**
   * Resolves when the peer at the other end of a connection has its control stream.
   *
   * @throws {TimeoutError} It took too long.
   * @throws {ConnectionClosedError} The connection closed before.
   * @throws {UnsupportedProtocolError} The peer belongs to another mesh.
   */
  async ensure(connection: Connection, signal: AbortSignal): Promise<void> {
    const peer = connection.remotePeer.toString()
    if (this.isUp(peer)) return
    if (!this.opens(peer) && (await this.#comesUp(peer, connection, this.#init.waitMs, signal)))
      return
    if (this.#stopped || this.#opening.has(peer)) return
    await this.#open(connection, signal)
  }

  async #open(connection: Connection, signal: AbortSignal): Promise<void> {
    const peer = connection.remotePeer.toString()
    const opening = new AbortController()
    const limit = AbortSignal.any([signal, opening.signal, AbortSignal.timeout(this.#init.openMs)])
    setMaxListeners(Infinity, limit)
    this.#opening.set(peer, opening)
    try {
      const { protocol } = this.#init
      const raw = await connection.newStream(protocol, { signal: limit, maxOutboundStreams: 4 })
      // A stream that the remote refused over its limits can still be handed out, reset.
      if (raw.status !== 'open') throw new ConnectionClosedError(`Stream came ${raw.status}`)
      await this.#greeted(raw, connection, limit)
    } finally {
      if (this.#opening.get(peer) === opening) this.#opening.delete(peer)
    }
  }

  /** Resolves when the other side has accepted a stream, and it has taken its place. */
  async #greeted(raw: Stream, connection: Connection, signal: AbortSignal): Promise<void> {
    const result = Promise.withResolvers<void>()
    const stream = this.#wrap(raw, connection, {
      onOpen: () => {
        this.#install(connection.remotePeer, stream)
        result.resolve()
      },
      onClosed: error =>
        result.reject(error ?? new ConnectionClosedError('Peer closed the control stream')),
    })
    const onAbort = (): void => stream.abort(toError(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      await result.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  readonly #accept = async (raw: Stream, connection: Connection): Promise<void> => {
    await this.#init.ready
    const { remotePeer } = connection
    if (
      this.#stopped ||
      !this.#init.isWelcome(remotePeer) ||
      !this.#yields(remotePeer.toString())
    ) {
      raw.abort(new ProtocolError('Control stream is not wanted'))
      return
    }
    if (raw.status !== 'open') return
    const stream = this.#wrap(raw, connection, { onOpen: () => {}, onClosed: () => {} })
    stream.accept()
    this.#install(remotePeer, stream)
  }

  /** Whether a stream that a peer has opened may take the place of what there is. */
  #yields(peer: string): boolean {
    const opening = this.#opening.get(peer)
    if (opening !== undefined) {
      if (this.opens(peer)) return false
      this.#opening.delete(peer)
      opening.abort(new AbortError('Peer has opened its own control stream'))
    }
    const present = this.#streams.get(peer)
    if (present === undefined || !present.stream.outbound || !this.opens(peer)) return true
    // The peer opens one although it had ours for long: to it, ours is dead.
    return performance.now() - present.since > 2 * this.#init.waitMs
  }

  #wrap(
    raw: Stream,
    connection: Connection,
    on: { onOpen: () => void; onClosed: (error: Error | undefined) => void },
  ): ControlStream {
    const { codec, limits, events } = this.#init
    const { remotePeer } = connection
    const stream: ControlStream = new ControlStream({
      stream: raw,
      connection,
      codec,
      limits,
      onOpen: on.onOpen,
      onMessage: envelope => events.message(remotePeer, envelope),
      onClosed: error => {
        on.onClosed(error)
        this.#remove(remotePeer, stream, error)
      },
    })
    return stream
  }

  #install(peer: PeerId, stream: ControlStream): void {
    const key = peer.toString()
    const present = this.#streams.get(key)
    if (present !== undefined)
      present.stream.abort(new ProtocolError('Replaced by another control stream'))
    this.#streams.set(key, { stream, since: performance.now() })
    this.#init.log('control stream to %p is open', peer)
    this.#init.events.up(peer)
    for (const resolve of this.#waiting.get(key) ?? []) resolve()
  }

  #remove(peer: PeerId, stream: ControlStream, error: Error | undefined): void {
    const key = peer.toString()
    if (this.#streams.get(key)?.stream !== stream) return
    this.#streams.delete(key)
    if (error === undefined) this.#init.log('control stream to %p has closed', peer)
    else this.#init.log.error('control stream to %p was lost - %s', peer, error.message)
    this.#init.events.down(peer, error)
  }

  async #comesUp(
    peer: string,
    connection: Connection,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const result = Promise.withResolvers<boolean>()
    const onUp = (): void => result.resolve(true)
    const onClose = (): void =>
      result.reject(new ConnectionClosedError('Connection closed before its control stream'))
    const onAbort = (): void => result.reject(toError(signal.reason))
    const timer = setTimeout(() => result.resolve(false), waitMs)
    const waiting = this.#waiting.get(peer) ?? new Set()
    this.#waiting.set(peer, waiting.add(onUp))
    connection.addEventListener('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    if (connection.status !== 'open') onClose()
    try {
      return await result.promise
    } finally {
      clearTimeout(timer)
      waiting.delete(onUp)
      if (waiting.size === 0) this.#waiting.delete(peer)
      connection.removeEventListener('close', onClose)
      signal.removeEventListener('abort', onAbort)
    }
  }
}
