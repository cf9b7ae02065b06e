import type { Connection, Libp2p, Logger, Stream } from '@libp2p/interface'
import { NotFoundError, ProtocolError, setMaxListeners } from '@libp2p/interface'
import type {
  BlobCallOptions,
  BlobGift,
  BlobNetwork,
  BlobRequest,
  BlobServer,
  PutAnswer,
} from '../blobs/ports.ts'
import { chunksOf } from '../blobs/chunks.ts'
import { BlobUnavailableError } from '../blobs/errors.ts'
import {
  answerBytes,
  type BlobAnswer,
  type BlobAsk,
  decodeAnswer,
  decodeAsk,
  encodeAnswer,
  encodeAsk,
  requestBytes,
} from './blob-messages.ts'
import { ByteStream } from './byte-stream.ts'
import { toError } from './failures.ts'
import { openStream } from './open-stream.ts'
import { Slots } from './slots.ts'

export interface BlobStreamsInit {
  readonly libp2p: Libp2p
  readonly protocol: string
  /** How long a peer may be silent that should read, write or answer, in milliseconds. */
  readonly idleMs: number
  readonly log: Logger
  readonly connection: (peer: string) => Connection | undefined
  readonly isWelcome: (peer: string) => boolean
}

/** Streams of one peer, and of all, that are served at the same time. */
const streamsPerPeer = 8
const streamsAtOnce = 64

/** Blobs of peers: each range, and each blob that is given, on a stream of its own. */
export class BlobStreams implements BlobNetwork {
  readonly #init: BlobStreamsInit
  readonly #serving = new Set<AbortController>()
  readonly #slots = new Slots(streamsPerPeer)
  #server: BlobServer | undefined
  #moved = 0

  constructor(init: BlobStreamsInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    await this.#init.libp2p.handle(this.#init.protocol, this.#answer, {
      // The end of a stream is known here later than there.
      maxInboundStreams: 2 * streamsPerPeer,
      maxOutboundStreams: streamsPerPeer,
      runOnLimitedConnection: false,
    })
  }

  async stop(): Promise<void> {
    await this.#init.libp2p.unhandle(this.#init.protocol)
    for (const serving of this.#serving) serving.abort(new ProtocolError('The node stops'))
  }

  serve(server: BlobServer): void {
    this.#server = server
  }

  movedBytes(): number {
    return this.#moved
  }

  async *get(
    peer: string,
    { hash, size, offset, length }: BlobRequest,
    { signal }: BlobCallOptions,
  ): AsyncGenerator<Uint8Array> {
    using _ = await this.#slots.take(peer, signal)
    await using call = await this.#call(peer, { type: 'get', hash, offset, length }, signal)
    const { status, number } = await call.answer()
    if (status !== 'found' || number !== size || offset + length > size) {
      call.done()
      throw new BlobUnavailableError(hash)
    }
    yield* call.counted(call.bytes.readAll(length))
    call.done()
  }

  async put(peer: string, gift: BlobGift, { signal }: BlobCallOptions): Promise<PutAnswer> {
    using _ = await this.#slots.take(peer, signal)
    const { hash, size, spread } = gift
    await using call = await this.#call(peer, { type: 'put', hash, size, spread }, signal)
    let { status, number } = await call.answer()
    let isRead = true
    if (status === 'want') {
      for await (const chunk of call.counted(gift.read(number))) {
        isRead = await call.bytes.writeUnheard(chunk)
        if (!isRead) break
      }
      ;({ status, number } = await call.answer())
    }
    // What the peer does not read any more must not be waited for.
    if (isRead) call.done()
    if (status === 'stored') return 'stored'
    if (status === 'full') return 'full'
    throw new ProtocolError(`Blob was answered with ${status}`)
  }

  async #call(peer: string, ask: BlobAsk, signal: AbortSignal): Promise<Call> {
    signal.throwIfAborted()
    const connection = this.#init.connection(peer)
    if (connection === undefined) throw new NotFoundError(`Peer ${peer} is not connected`)
    const options = { signal, maxOutboundStreams: streamsPerPeer }
    const stream = await openStream(connection, this.#init.protocol, options)
    const call = this.#callOn(stream, signal)
    try {
      await call.bytes.write(encodeAsk(ask))
    } catch (error) {
      await call[Symbol.asyncDispose]()
      throw error
    }
    return call
  }

  #callOn(stream: Stream, signal: AbortSignal): Call {
    return new Call(stream, {
      idleMs: this.#init.idleMs,
      signal,
      moved: () => this.#moved,
      onMoved: bytes => (this.#moved += bytes),
    })
  }

  // A rejection makes libp2p reset the stream, which is all that a bad peer is owed.
  readonly #answer = async (stream: Stream, { remotePeer }: Connection): Promise<void> => {
    const { isWelcome, log } = this.#init
    const server = this.#server
    if (server === undefined || !isWelcome(remotePeer.toString())) {
      throw new ProtocolError('Blobs are not served')
    }
    if (this.#serving.size >= streamsAtOnce) throw new ProtocolError('Too many blobs at once')
    const serving = new AbortController()
    this.#serving.add(serving)
    try {
      await using call = this.#callOn(stream, serving.signal)
      stream.addEventListener('close', () => serving.abort(new ProtocolError('Peer has gone')))
      const ask = decodeAsk(await call.bytes.read(requestBytes))
      if (ask.type === 'get') await give(server, ask, call)
      else await take(server, ask, call, serving.signal)
      call.done()
    } catch (error) {
      log('blob stream of %p has failed - %s', remotePeer, toError(error).message)
      throw toError(error)
    } finally {
      this.#serving.delete(serving)
    }
  }
}

async function give(
  server: BlobServer,
  { hash, offset, length }: Extract<BlobAsk, { type: 'get' }>,
  call: Call,
): Promise<void> {
  const size = server.size(hash)
  if (size === undefined || offset + length > size) {
    await call.say({ status: 'missing', number: 0 })
    return
  }
  await call.say({ status: 'found', number: size })
  const range = server.read(hash, { offset, length })
  for await (const chunk of call.counted(range)) await call.bytes.write(chunk)
}

async function take(
  server: BlobServer,
  { hash, size, spread }: Extract<BlobAsk, { type: 'put' }>,
  call: Call,
  signal: AbortSignal,
): Promise<void> {
  const receiver = await call.meanwhile(server.receive({ hash, size }, signal))
  if (receiver === 'full') return call.say({ status: 'full', number: 0 })
  if (receiver !== 'have') {
    try {
      await call.say({ status: 'want', number: receiver.offset })
      const gift = call.bytes.readAll(size - receiver.offset)
      for await (const chunk of chunksOf(call.counted(gift))) {
        await receiver.write(chunk)
      }
      await call.meanwhile(receiver.finish())
    } catch (error) {
      await receiver.close()
      if (toError(error).name !== 'NoSpaceError') throw error
      return call.say({ status: 'full', number: 0 })
    }
  }
  if (spread) await call.meanwhile(server.spread({ hash, size }, signal))
  return call.say({ status: 'stored', number: 0 })
}

const closeMs = 5_000

interface CallInit {
  readonly idleMs: number
  readonly signal: AbortSignal
  /** Bytes of all blobs that this node has moved. */
  readonly moved: () => number
  /** This node, or the peer on its behalf, has moved so many more. */
  readonly onMoved: (bytes: number) => void
}

/** One stream, from its request to its end. What is not done when it is disposed of is reset. */
class Call implements AsyncDisposable {
  readonly bytes: ByteStream
  readonly #stream: Stream
  readonly #init: CallInit
  readonly #signal: AbortSignal
  #isDone = false

  constructor(stream: Stream, init: CallInit) {
    const { idleMs, signal } = init
    this.#stream = stream
    this.#init = init
    this.#signal = signal
    this.bytes = new ByteStream(stream, { idleMs })
    setMaxListeners(Infinity, signal)
    signal.addEventListener('abort', this.#onAbort, { once: true })
    if (signal.aborted) this.#onAbort()
  }

  /** All that was to be said on the stream has been. */
  done(): void {
    this.#isDone = true
  }

  /** Bytes of a blob, counted as they pass. */
  async *counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#init.onMoved(chunk.byteLength)
      yield chunk
    }
  }

  say(answer: BlobAnswer): Promise<void> {
    return this.bytes.write(encodeAnswer(answer))
  }

  /** The next answer that is one. */
  async answer(): Promise<BlobAnswer> {
    let before: number | undefined
    for (;;) {
      const answer = decodeAnswer(await this.bytes.read(answerBytes))
      if (answer.status !== 'wait') return answer
      if (before !== undefined && answer.number > before) this.#init.onMoved(answer.number - before)
      before = answer.number
    }
  }

  /** Waits for work of this side, and lets the peer know that it goes on. */
  async meanwhile<T>(work: Promise<T>): Promise<T> {
    const saying = setInterval(() => {
      const wait = { status: 'wait', number: this.#init.moved() } as const
      this.say(wait).catch((error: unknown) => this.bytes.fail(error))
    }, this.#init.idleMs / 4)
    try {
      return await work
    } finally {
      clearInterval(saying)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort)
    if (!this.#isDone) {
      this.#stream.abort(new ProtocolError('Blob stream ended before its time'))
      return
    }
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(closeMs) })
    } catch (error) {
      this.#stream.abort(toError(error))
    }
  }

  readonly #onAbort = (): void => {
    const error = toError(this.#signal.reason)
    this.bytes.fail(error)
    this.#stream.abort(error)
  }
}
