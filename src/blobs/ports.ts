import type { PeerId } from '../core/ids.ts'

/** SHA-256 of a blob's content, in hex. */
export type BlobHash = string

/** Bytes that are read, hashed and written at a time: the disk's threads cost more than its work. */
export const chunkBytes = 256 * 1_024

/** Bytes of the pieces that a download consists of: what is asked of one holder at a time. */
export const pieceBytes = 4 * 2 ** 20

/** Largest blob that a node deals with, in bytes: far above any disk, far below 2⁵³. */
export const blobBytesMax = 2 ** 46

/** Part of a blob. */
export interface BlobRange {
  /** @default 0 */
  readonly offset?: number | undefined
  /** Bytes; up to the end without it. */
  readonly length?: number | undefined
}

/** Where a node keeps blobs. */
export interface BlobStore {
  /** Folder that handlers in threads may write to; absent where blobs are in memory. */
  readonly directory: string | undefined
  open(): Promise<void>
  close(): Promise<void>
  /** Stores what comes, durable when it resolves. A blob that is there already is kept once. */
  put(source: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<StoredBlob>
  /** Takes over a file in `directory` whose hash is known, as `put` would its content. */
  adopt(file: string, blob: StoredBlob): Promise<void>
  /** Takes a file as a blob where it is, for as long as it stays as it is; of a guest only. */
  refer?(file: string, options?: PutOptions): Promise<StoredBlob>
  /** Bytes of a blob; `undefined` if it is not here. */
  size(hash: BlobHash): number | undefined
  /**
   * Whether a blob is here and is what its hash says. What an earlier process has left is looked
   * at once; what a disk has changed is not kept.
   */
  verify(hash: BlobHash): Promise<boolean>
  /** Notes that a blob is of use, so that it is not swept for a while. */
  touch(hash: BlobHash): Promise<void>
  /** File of a blob, for reading; `undefined` in memory. */
  path(hash: BlobHash): string | undefined
  /**
   * Reads in chunks, each when it is asked for.
   *
   * @throws {BlobUnavailableError} It is not here.
   */
  read(hash: BlobHash, range?: BlobRange): AsyncIterable<Uint8Array>
  /** Begins or resumes a download; `undefined` while another one of the same blob goes on. */
  part(hash: BlobHash, size: number, options?: PartOptions): Promise<BlobPart | undefined>
  delete(hash: BlobHash): Promise<void>
  /** Keeps a blob from being swept until the returned function is called. */
  pin(hash: BlobHash): () => void
  /** Whether there is nothing that a sweep might remove. */
  readonly isEmpty: boolean
  /**
   * Deletes blobs that are neither referenced nor pinned nor of use since some time; to be
   * referenced is of use. Returns how many.
   */
  sweep(isReferenced: (hash: BlobHash) => boolean, olderThanMs: number): Promise<number>
  /** Bytes that there is room for. */
  room(): Promise<number>
}

export interface PutOptions {
  readonly signal?: AbortSignal | undefined
}

export interface PartOptions {
  /** Whether it may go at once when room is needed, being held by others; in memory only. */
  readonly isCopy?: boolean | undefined
}

/** A blob as it was stored. */
export interface StoredBlob {
  readonly hash: BlobHash
  readonly size: number
}

/** A blob that is being downloaded, in pieces of `pieceBytes`; kept half done if it must be. */
export interface BlobPart {
  /** Indices of the pieces that are not here. */
  missing(): number[]
  /** Writes within a piece. */
  write(position: number, bytes: Uint8Array): Promise<void>
  /** A piece has been written whole. */
  complete(piece: number): Promise<void>
  /**
   * Makes a blob of it, durable, if it has the hash; else nothing is kept.
   *
   * @throws {BlobCorruptError} It has another hash.
   */
  finish(): Promise<void>
  /** Keeps what there is for the next time. */
  close(): Promise<void>
}

/** What came of giving a blob to a peer. */
export type PutAnswer = 'stored' | 'full'

/** Blobs of other nodes. */
export interface BlobNetwork {
  /**
   * Part of a blob of a peer, read as fast as it is taken.
   *
   * @throws {BlobUnavailableError} The peer does not have it.
   */
  get(peer: PeerId, request: BlobRequest, options: BlobCallOptions): AsyncIterable<Uint8Array>
  /** Gives a blob to a peer: what it lacks of it. Resolves when the peer has it durably. */
  put(peer: PeerId, gift: BlobGift, options: BlobCallOptions): Promise<PutAnswer>
  /** Answers peers that ask for blobs, and takes those that they give. */
  serve(server: BlobServer): void
  /** Bytes that have gone to peers or come from them, or that peers move on behalf of this node. */
  movedBytes(): number
}

export interface BlobCallOptions {
  readonly signal: AbortSignal
}

/** A range of a blob whose size is known. */
export interface BlobRequest extends StoredBlob {
  readonly offset: number
  readonly length: number
}

/** A blob for a peer. */
export interface BlobGift extends StoredBlob {
  /** Whether the peer shall see to it that its ledger's voters have it: asked by guests. */
  readonly spread: boolean
  /** The blob from an offset on. */
  read(offset: number): AsyncIterable<Uint8Array>
}

/** What a node does for peers. */
export interface BlobServer {
  size(hash: BlobHash): number | undefined
  read(hash: BlobHash, range: BlobRange): AsyncIterable<Uint8Array>
  /** A blob is offered: it is here already, there is no room, or its bytes are taken. */
  receive(gift: StoredBlob, signal: AbortSignal): Promise<'have' | 'full' | BlobReceiver>
  /** Sees to it that the voters of this node's ledger have a blob that is here. */
  spread(blob: StoredBlob, signal: AbortSignal): Promise<void>
}

/** Takes the bytes of a blob in order. */
export interface BlobReceiver {
  /** Where the bytes begin that are wanted. */
  readonly offset: number
  write(bytes: Uint8Array): Promise<void>
  /** All bytes have come. */
  finish(): Promise<void>
  /** They have not. */
  close(): Promise<void>
}
