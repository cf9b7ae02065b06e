import type { AbortOptions } from '@libp2p/interface'
import type { TakenBlob } from '../blobs/blobs.ts'
import { type ByteSource, isByteSource } from '../blobs/chunks.ts'
import type { StoredBlob } from '../blobs/ports.ts'

/** A result that no body can hold: long JSON, or bytes, or a file that a thread has written. */
export type LargeResult =
  | { readonly type: 'json'; readonly text: string }
  | { readonly type: 'raw'; readonly source: ByteSource }
  | { readonly type: 'file'; readonly file: string; readonly blob: StoredBlob }

/** Where large payloads come from, and large results go to. */
export interface WorkerBlobs {
  /** Folder that threads may write results to; absent where they are kept in memory. */
  readonly directory: string | undefined
  /** What a payload names, which is here until it is released. */
  take(ledger: string, reference: Uint8Array, options: AbortOptions): Promise<TakenBlob>
  /** Puts a result where the voters of its task have it, and gives the body that names it. */
  keep(ledger: string, large: LargeResult, options: AbortOptions): Promise<Uint8Array>
}

/** Whether a result is of bytes. */
export function largeOf(value: unknown): LargeResult | undefined {
  return isByteSource(value) ? { type: 'raw', source: value } : undefined
}
