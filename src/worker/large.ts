import type { AbortOptions } from '@libp2p/interface'
import type { TakenBlobs } from '../blobs/blobs.ts'
import type { LargeValue } from '../blobs/large-value.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import type { StoredBlob } from '../blobs/ports.ts'

/** Where large payloads come from, and large results go to. */
export interface WorkerBlobs {
  /** Folder that threads may write results to; absent where they are kept in memory. */
  readonly directory: string | undefined
  /** What a payload names, which is here until it is released. */
  take(ledger: string, body: Uint8Array, options: AbortOptions): Promise<TakenBlobs>
  /** Puts a result where the voters of its task have it, and gives the body that names it. */
  keep(ledger: string, large: LargeValue, options: AbortOptions): Promise<Uint8Array>
  /** Stores a file, which a result may then name as a blob; it is kept until it is released. */
  store(file: string, options: AbortOptions): Promise<StoredFile>
  /** A blob that is here. */
  stored(blob: StoredBlob): MeshBlob
}

/** A file as a blob. */
export interface StoredFile {
  readonly blob: MeshBlob
  readonly release: () => void
}
