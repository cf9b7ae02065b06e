import type { Connection, Libp2p, Logger, Stream } from '@libp2p/interface'
import { NotFoundError, ProtocolError, setMaxListeners } from '@libp2p/interface'
import { messageStreamToDuplex } from '@libp2p/utils'
import { decode, encode } from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import type { QueryHandler } from '../driver/ports.ts'
import { toError } from './failures.ts'
import { openStream } from './open-stream.ts'

export interface QueriesInit {
  readonly libp2p: Libp2p
  readonly protocol: string
  /** How long one query may take, in milliseconds. */
  readonly limitMs: number
  readonly log: Logger
  readonly connection: (peer: string) => Connection | undefined
  readonly isWelcome: (peer: string) => boolean
}

/** Longest request and longest answer, in bytes. */
export const queryBytesMax = 2 ** 20
/** Queries of one peer, and of all, that are answered at the same time. */
const queriesPerPeer = 16
const queriesAtOnce = 64

/** One bounded request and its answer, each query on a stream of its own. */
export class Queries {
  readonly #init: QueriesInit
  #handler: QueryHandler | undefined
  #answering = 0

  constructor(init: QueriesInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    await this.#init.libp2p.handle(this.#init.protocol, this.#answer, {
      // The end of a stream is known here later than there.
      maxInboundStreams: 2 * queriesPerPeer,
      maxOutboundStreams: queriesPerPeer,
      runOnLimitedConnection: false,
    })
  }

  async stop(): Promise<void> {
    await this.#init.libp2p.unhandle(this.#init.protocol)
  }

  onQuery(handler: QueryHandler): void {
    this.#handler = handler
  }

  /**
   * Asks a connected peer.
   *
   * @throws {NotFoundError} The peer is not connected.
   * @throws {TimeoutError} It took too long. The signal's reason if that came first.
   */
  async query(peer: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted()
    if (request.byteLength > queryBytesMax) {
      throw new ProtocolError(`Request of ${request.byteLength} bytes, at most ${queryBytesMax}`)
    }
    const connection = this.#init.connection(peer)
    if (connection === undefined) throw new NotFoundError(`Peer ${peer} is not connected`)
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#init.limitMs)])
    setMaxListeners(Infinity, limit)
    const stream = await openStream(connection, this.#init.protocol, {
      signal: limit,
      maxOutboundStreams: queriesPerPeer,
    })
    return bounded(stream, limit, async () => {
      const answer = await pipe(
        [request],
        source => encode(source),
        messageStreamToDuplex(stream),
        source => decode(source, { maxDataLength: queryBytesMax }),
        first,
      )
      await stream.close({ signal: limit })
      return answer
    })
  }

  // A rejection makes libp2p reset the stream, which is all that a bad peer is owed.
  readonly #answer = async (stream: Stream, { remotePeer }: Connection): Promise<void> => {
    const { isWelcome, limitMs, log } = this.#init
    const peer = remotePeer.toString()
    const handler = this.#handler
    if (handler === undefined || !isWelcome(peer))
      throw new ProtocolError('Queries are not answered')
    if (this.#answering >= queriesAtOnce) throw new ProtocolError('Too many queries at once')
    this.#answering++
    try {
      const limit = AbortSignal.timeout(limitMs)
      setMaxListeners(Infinity, limit)
      await bounded(stream, limit, () => exchange(stream, request => handler(peer, request)))
    } catch (error) {
      log('query of %p was not answered - %s', remotePeer, toError(error).message)
      throw toError(error)
    } finally {
      this.#answering--
    }
  }
}

async function exchange(
  stream: Stream,
  handle: (request: Uint8Array) => Promise<Uint8Array>,
): Promise<void> {
  const { source, sink } = messageStreamToDuplex(stream)
  const request = await pipe(
    source,
    chunks => decode(chunks, { maxDataLength: queryBytesMax }),
    first,
  )
  const answer = await handle(request)
  if (answer.byteLength > queryBytesMax) {
    throw new ProtocolError(`Answer of ${answer.byteLength} bytes, at most ${queryBytesMax}`)
  }
  await pipe([answer], chunks => encode(chunks), sink)
}

/** Does something with a stream until a signal says otherwise; an error resets the stream. */
async function bounded<T>(stream: Stream, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(toError(signal.reason))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([act(), aborted.promise])
  } catch (error) {
    stream.abort(toError(error))
    throw toError(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function first(frames: AsyncIterable<{ slice(): Uint8Array }>): Promise<Uint8Array> {
  for await (const frame of frames) return frame.slice()
  throw new ProtocolError('Stream ended before its frame')
}
