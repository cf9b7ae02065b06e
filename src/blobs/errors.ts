/**
 * There is no room for a large payload or result. Make room, or give the node a `dataDir` on a
 * larger disk if it has none.
 */
export class NoSpaceError extends Error {
  static override name = 'NoSpaceError'

  /** The folder whose disk is full; absent where blobs are kept in memory. */
  readonly directory: string | undefined
  /** Bytes that the blob has, as far as that is known. */
  readonly blobBytes: number

  constructor(directory: string | undefined, blobBytes: number, options?: ErrorOptions) {
    const where =
      directory === undefined
        ? 'in memory; give the node a dataDir'
        : `in ${directory}; make room there`
    super(`There is no room for ${blobBytes} bytes ${where}`, options)
    this.name = 'NoSpaceError'
    this.directory = directory
    this.blobBytes = blobBytes
  }
}

/** Nodes that should keep a large payload or result have no room for it. Make room there. */
export class NoRoomAtPeersError extends Error {
  static override name = 'NoRoomAtPeersError'

  readonly peers: readonly string[]
  readonly blobBytes: number

  constructor(peers: readonly string[], blobBytes: number, options?: ErrorOptions) {
    const who = peers.length === 1 ? `Node ${peers[0]} has` : `Nodes ${peers.join(', ')} have`
    super(`${who} no room for ${blobBytes} bytes; make room there`, options)
    this.name = 'NoRoomAtPeersError'
    this.peers = peers
    this.blobBytes = blobBytes
  }
}

/** No node that can be reached has a large payload or result (any more). */
export class BlobUnavailableError extends Error {
  static override name = 'BlobUnavailableError'

  /** SHA-256 of the content, in hex. */
  readonly hash: string

  constructor(hash: string, options?: ErrorOptions) {
    super(`Blob ${hash} cannot be had from any node that is connected`, options)
    this.name = 'BlobUnavailableError'
    this.hash = hash
  }
}

/** What came is not what it was said to be. It was thrown away. */
export class BlobCorruptError extends Error {
  static override name = 'BlobCorruptError'

  readonly hash: string

  constructor(hash: string, options?: ErrorOptions) {
    super(`Blob ${hash} came with other content`, options)
    this.name = 'BlobCorruptError'
    this.hash = hash
  }
}

/** A file has changed after a guest has named it in a task. Publish it again. */
export class FileChangedError extends Error {
  static override name = 'FileChangedError'

  readonly file: string

  constructor(file: string, options?: ErrorOptions) {
    super(`${file} has changed while it was being published`, options)
    this.name = 'FileChangedError'
    this.file = file
  }
}

/** Whether an error says that a disk is full. */
export function isDiskFull(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return error.code === 'ENOSPC' || error.code === 'EDQUOT'
}
