import { type AbortOptions, setMaxListeners } from '@libp2p/interface'
import { type LedgerId, type PeerId, peerOf } from '../core/ids.ts'
import { fullPeers } from '../core/membership.ts'
import type { LedgerInfo } from '../core/messages.ts'
import { majorityOf } from '../core/quorum.ts'
import type { Machine } from '../core/state.ts'
import type { Timers } from '../time/timers.ts'
import { createReadStream } from 'node:fs'
import { parseWithBlobs } from './blob-json.ts'
import { type ByteSource, gather } from './chunks.ts'
import { BlobUnavailableError } from './errors.ts'
import { Fetcher } from './fetcher.ts'
import { Keeper, type KeeperTimings, keeperTimings } from './keeper.ts'
import { BlobContent, type MeshBlob } from './mesh-blob.ts'
import type { BlobHash, BlobNetwork, BlobStore, StoredBlob } from './ports.ts'
import type { BlobKind, BlobReference, LargeBody } from './reference.ts'
import { type NamedBlob, referencesIn } from './references.ts'
import { StoreServer } from './server.ts'
import { spread, type SpreadTarget } from './spread.ts'

export interface BlobsInit {
  readonly store: BlobStore
  readonly network: BlobNetwork
  /** Read, never changed: who votes on what, and what names which blob. */
  readonly machine: Machine
  readonly warn: (message: string) => void
  readonly timings?: Partial<BlobsTimings> | undefined
  /** @default the system's */
  readonly timers?: Timers | undefined
}

/** When what is done or given up, in milliseconds. */
export interface BlobsTimings extends KeeperTimings {
  /** How long a fetch goes on without anything coming. */
  readonly patienceMs: number
}

const timings: BlobsTimings = Object.freeze({ ...keeperTimings, patienceMs: 60_000 })

/** A larger blob is not put together in memory, in bytes: no text can be that long. */
const jsonBytesMax = 512 * 2 ** 20 - 2 ** 10

/** Without a disk, larger blobs than this are passed through and not kept, in bytes. */
const copyBytesMax = 16 * 2 ** 20

/** A blob of this node on its way into a task, not swept before it is released. */
export interface KeptBlob {
  readonly reference: BlobReference
  /** Nodes that are known to have it. */
  readonly held: Set<PeerId>
  readonly release: () => void
}

/** A payload and its blobs, here until they are released. */
export interface TakenBlobs {
  /** JSON, or bytes. */
  readonly payload: string | MeshBlob
  /** The blobs that JSON names. */
  readonly blobs: readonly MeshBlob[]
  readonly release: () => void
}

/** Blobs of one payload that are fetched at the same time. */
const fetchesAtOnce = 4

/** The large payloads and results of one node. */
export class Blobs {
  readonly store: BlobStore
  readonly #init: BlobsInit
  readonly #fetcher: Fetcher
  readonly #keeper: Keeper
  readonly #stopped = new AbortController()

  constructor(init: BlobsInit) {
    const { store, network, machine, warn, timers } = init
    const when = { ...timings, ...init.timings }
    this.store = store
    this.#init = init
    this.#fetcher = new Fetcher({ store, network, patienceMs: when.patienceMs, timers })
    this.#keeper = new Keeper({
      machine,
      store,
      timings: when,
      warn,
      timers,
      fetch: named => this.#fetch(named.reference, named.ledger, this.#stopped.signal),
    })
    setMaxListeners(Infinity, this.#stopped.signal)
  }

  async start(): Promise<void> {
    const { store, network, machine, timers } = this.#init
    await store.open()
    const onSpread = (blob: StoredBlob, signal: AbortSignal): Promise<void> =>
      this.#spread(blob, new Set(), () => this.#currentTarget(), this.#until(signal))
    network.serve(new StoreServer({ store, isGuest: machine.init.guest, onSpread, timers }))
    this.#keeper.start()
  }

  /** Ends everything that is under way, with a reason. */
  async stop(reason: Error): Promise<void> {
    this.#stopped.abort(reason)
    await this.#keeper.stop()
    await this.store.close()
  }

  /** A record or a result that this node keeps names a blob. */
  named(named: NamedBlob): void {
    this.#keeper.named(named)
  }

  /** Bytes of blobs that were moved between nodes, as far as this one has to do with it. */
  movedBytes(): number {
    return this.#init.network.movedBytes()
  }

  /** Deletes what nothing names any more. */
  sweep(): Promise<void> {
    return this.#keeper.sweep()
  }

  /**
   * Stores content here.
   *
   * @throws {NoSpaceError} There is no room for it.
   */
  async keep(kind: BlobKind, source: ByteSource, options: AbortOptions = {}): Promise<KeptBlob> {
    if (source instanceof BlobContent && kind === 'raw' && (await this.#brought(source, options))) {
      return this.#kept({ kind, hash: source.hash, size: source.size })
    }
    const put = { signal: this.#until(options.signal) }
    const stored = await this.store.put(source as AsyncIterable<Uint8Array>, put)
    return this.#kept({ kind, ...stored })
  }

  /**
   * Stores a file here, but for a guest: that reads it when somebody wants it.
   *
   * @throws {NoSpaceError} There is no room for it.
   */
  async keepFile(path: string, options: AbortOptions = {}): Promise<KeptBlob> {
    const signal = this.#until(options.signal)
    const stored = this.#init.machine.init.guest
      ? await this.store.refer?.(path, { signal })
      : undefined
    if (stored !== undefined) return this.#kept({ kind: 'raw', ...stored })
    return this.keep('raw', createReadStream(path) as AsyncIterable<Uint8Array>, { signal })
  }

  /**
   * Keeps a blob that is here, or that can be read.
   *
   * @throws {BlobUnavailableError} It is neither.
   */
  async keepAgain(blob: StoredBlob | MeshBlob, options: AbortOptions = {}): Promise<KeptBlob> {
    if (Symbol.asyncIterator in blob) return this.keep('raw', blob, options)
    if (await this.#has(blob)) return this.#kept({ kind: 'raw', hash: blob.hash, size: blob.size })
    throw new BlobUnavailableError(blob.hash)
  }

  /** Takes a file over that was written to the folder of the store. */
  async adopt(kind: BlobKind, file: string, blob: StoredBlob): Promise<KeptBlob> {
    await this.store.adopt(file, blob)
    return this.#kept({ kind, ...blob })
  }

  /** Gives a blob to those who will vote on new tasks: a guest to its host, which goes on. */
  spreadForPublish({ reference, held }: KeptBlob, { signal }: AbortOptions = {}): Promise<void> {
    const target = (): SpreadTarget | undefined =>
      this.#init.machine.init.guest ? this.#hostTarget() : this.#currentTarget()
    return this.#spread(reference, held, target, this.#until(signal))
  }

  /** Gives a blob to a majority of a ledger's voters; false if this node does not know them. */
  async spreadTo(
    ledger: LedgerId,
    { reference, held }: KeptBlob,
    { signal }: AbortOptions = {},
  ): Promise<boolean> {
    const known = this.#infoOf(ledger)
    if (known === undefined) return false
    const target = (): SpreadTarget => targetOf(this.#infoOf(ledger) ?? known)
    await this.#spread(reference, held, target, this.#until(signal))
    return true
  }

  /**
   * Gives the blobs that ledgers name to those who are to keep these from now on. Tells of which
   * ledgers they have all that is here.
   */
  async bequeath(
    heirs: ReadonlyMap<LedgerId, readonly PeerId[]>,
    signal: AbortSignal,
  ): Promise<Map<LedgerId, ReadonlySet<PeerId>>> {
    const given = new Map<LedgerId, ReadonlySet<PeerId>>()
    for (const [ledger, peers] of heirs) {
      const held = this.#init.machine.voter.ledgers.get(ledger)
      if (held === undefined || peers.length === 0) continue
      const target = (): SpreadTarget => ({ peers, needed: peers.length, spread: false })
      try {
        for (const blob of referencesIn(held).values()) {
          if (this.store.size(blob.hash) !== blob.size) continue
          await this.#spread(blob, new Set(), target, this.#until(signal))
        }
        given.set(ledger, new Set(peers))
      } catch {
        // No room, no time or nobody there: the ledger stays with this node.
      }
    }
    return given
  }

  /** Gets what a payload names, whole, for a run. */
  async take(
    ledger: LedgerId,
    { content, text, blobs }: LargeBody,
    { signal }: AbortOptions = {},
  ): Promise<TakenBlobs> {
    const named: StoredBlob[] = content === undefined ? [...blobs] : [content, ...blobs]
    const pins = named.map(({ hash }) => this.store.pin(hash))
    const release = (): void => {
      for (const unpin of pins) unpin()
    }
    try {
      await this.#fetchAll(named, ledger, this.#until(signal))
      if (content?.kind === 'raw') return { payload: this.stored(content), blobs: [], release }
      const payload = content === undefined ? (text ?? '') : await this.#text(content)
      return { payload, blobs: blobs.map(blob => this.stored(blob)), release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** What a result is that names blobs: JSON is fetched, bytes are when they are asked for. */
  async value(
    ledger: LedgerId,
    { content, text, blobs }: LargeBody,
    options: AbortOptions = {},
  ): Promise<unknown> {
    if (content?.kind !== 'json') return this.shown(ledger, { content, text, blobs })
    using _ = { [Symbol.dispose]: this.store.pin(content.hash) }
    await this.#fetch(content, ledger, this.#until(options.signal))
    return this.shown(ledger, { text: await this.#text(content), blobs })
  }

  /** What a result is without anything being fetched: a blob, where that is the content. */
  shown(ledger: LedgerId, { content, text, blobs }: LargeBody): unknown {
    if (content !== undefined) return this.content(ledger, content)
    const within = blobs.map(blob => this.content(ledger, blob))
    try {
      return parseWithBlobs(text ?? '', within)
    } catch {
      // Whoever ran the task wrote it: what is no JSON is nothing, and no error of the reader.
      return undefined
    }
  }

  /** A blob as users get it, without anything being fetched. */
  content(ledger: LedgerId, { hash, size }: StoredBlob): MeshBlob {
    const blob = { hash, size }
    return new BlobContent({
      ...blob,
      read: options => this.#read(ledger, blob, options),
      file: options => this.#file(ledger, blob, options),
    })
  }

  /** A blob that is here. */
  stored({ hash, size }: StoredBlob): MeshBlob {
    const path = this.store.path(hash)
    const read = (options: AbortOptions) => this.#readHere(hash, options)
    return new BlobContent({ hash, size, path, read, file: async () => this.store.path(hash) })
  }

  async #file(
    ledger: LedgerId,
    blob: StoredBlob,
    { signal }: AbortOptions,
  ): Promise<string | undefined> {
    if (this.store.directory === undefined) return undefined
    await this.#fetch(blob, ledger, this.#until(signal))
    return this.store.path(blob.hash)
  }

  async *#read(
    ledger: LedgerId,
    blob: StoredBlob,
    options: AbortOptions,
  ): AsyncGenerator<Uint8Array> {
    const signal = this.#until(options.signal)
    const { hash, size } = blob
    using _ = { [Symbol.dispose]: this.store.pin(hash) }
    const isKept = this.store.directory !== undefined || size <= copyBytesMax
    if (isKept || this.store.size(hash) === size) {
      await this.#fetch(blob, ledger, signal)
      yield* this.#readHere(hash, options)
    } else {
      const holders = (): PeerId[] => this.#holders(ledger)
      yield* this.#fetcher.stream(blob, { holders, signal })
    }
  }

  async *#readHere(hash: BlobHash, { signal }: AbortOptions): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.store.read(hash)) {
      signal?.throwIfAborted()
      yield chunk
    }
  }

  async #text({ hash, size }: StoredBlob): Promise<string> {
    if (size > jsonBytesMax) throw new RangeError(`JSON of ${size} bytes cannot be read`)
    const bytes = await gather(this.store.read(hash), size)
    return Buffer.from(bytes.buffer).toString()
  }

  async #has({ hash, size }: StoredBlob): Promise<boolean> {
    if (this.store.size(hash) !== size || !(await this.store.verify(hash))) return false
    await this.store.touch(hash)
    return true
  }

  /** Whether a blob is here, once it was fetched if it is one that is kept. */
  async #brought(blob: BlobContent, options: AbortOptions): Promise<boolean> {
    return (await this.#has(blob)) || ((await blob.file(options)) !== undefined && this.#has(blob))
  }

  #kept(reference: BlobReference): KeptBlob {
    const release = this.store.pin(reference.hash)
    const held = new Set([this.#init.machine.init.peer])
    return { reference, held, release }
  }

  #fetch({ hash, size }: StoredBlob, ledger: LedgerId, signal: AbortSignal): Promise<void> {
    const holders = (): PeerId[] => this.#holders(ledger)
    return this.#fetcher.fetch({ hash, size }, { holders, signal })
  }

  async #fetchAll(
    blobs: readonly StoredBlob[],
    ledger: LedgerId,
    signal: AbortSignal,
  ): Promise<void> {
    const left = [...blobs]
    const line = async (): Promise<void> => {
      for (let blob = left.shift(); blob !== undefined; blob = left.shift()) {
        await this.#fetch(blob, ledger, signal)
      }
    }
    await Promise.all(Array.from({ length: fetchesAtOnce }, line))
  }

  #spread(
    blob: StoredBlob,
    held: Set<PeerId>,
    target: () => SpreadTarget | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, network, machine, warn, timers } = this.#init
    held.add(machine.init.peer)
    return spread({ blob, store, network, held, target, warn, signal, timers })
  }

  /** Peers that may have a blob of a ledger: its voters, its producer, then anybody. */
  #holders(ledger: LedgerId): PeerId[] {
    const { machine } = this.#init
    const info = this.#infoOf(ledger)
    const named =
      info === undefined ? [] : [...info.voters.map(it => it.peer), peerOf(info.producer)]
    const up = new Set([...fullPeers(machine.members)].map(({ peer }) => peer))
    return [...new Set([...named.filter(peer => up.has(peer)), ...up])]
  }

  #infoOf(ledger: LedgerId): LedgerInfo | undefined {
    const { voter, proposer, announce } = this.#init.machine
    const claim = proposer.claims.values().find(({ info }) => info.ledger === ledger)
    return voter.ledgers.get(ledger)?.info ?? claim?.info ?? announce.hints.get(ledger)?.info
  }

  #currentTarget(): SpreadTarget | undefined {
    const { current } = this.#init.machine.producer
    return current === undefined ? undefined : targetOf(current.info)
  }

  /** The full node that a guest's tasks go to. */
  #hostTarget(): SpreadTarget | undefined {
    const [host] = fullPeers(this.#init.machine.members)
    return host === undefined ? undefined : { peers: [host.peer], needed: 1, spread: true }
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    const stopped = this.#stopped.signal
    if (signal === undefined) return stopped
    const either = AbortSignal.any([signal, stopped])
    setMaxListeners(Infinity, either)
    return either
  }
}

function targetOf({ voters }: LedgerInfo): SpreadTarget {
  const peers = voters.map(({ peer }) => peer)
  return { peers, needed: majorityOf(peers.length), spread: false }
}
