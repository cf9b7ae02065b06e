import type { Blobs } from './blobs/blobs.ts'
import { decodeReference } from './blobs/reference.ts'
import { UnrecoverableError } from './errors.ts'
import type { WorkerBlobs } from './worker/large.ts'

/** The node's blobs as its worker sees them. */
export function workerBlobs(blobs: Blobs): WorkerBlobs {
  return {
    directory: blobs.store.directory,
    async take(ledger, bytes, options) {
      const reference = decodeReference(bytes)
      if (reference === undefined) {
        throw new UnrecoverableError('Payload is of a kind that this version does not know')
      }
      return blobs.take(ledger, reference, options)
    },
    async keep(ledger, large, options) {
      const kept =
        large.type === 'file'
          ? await blobs.adopt('raw', large.file, large.blob)
          : large.type === 'json'
            ? await blobs.keep('json', Buffer.from(large.text), options)
            : await blobs.keep('raw', large.source, options)
      try {
        await blobs.spreadTo(ledger, kept, options)
        return kept.body
      } finally {
        kept.release()
      }
    },
  }
}
