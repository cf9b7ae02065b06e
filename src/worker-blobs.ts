import type { Blobs } from './blobs/blobs.ts'
import { keepValue } from './blobs/large-value.ts'
import { decodeBody } from './blobs/reference.ts'
import { UnrecoverableError } from './errors.ts'
import { maxResultBytes } from './wire/limits.ts'
import type { WorkerBlobs } from './worker/large.ts'

/** The node's blobs as its worker sees them. */
export function workerBlobs(blobs: Blobs): WorkerBlobs {
  return {
    directory: blobs.store.directory,
    async take(ledger, bytes, options) {
      const body = decodeBody(bytes)
      if (body === undefined) {
        throw new UnrecoverableError('Payload is of a kind that this version does not know')
      }
      return blobs.take(ledger, body, options)
    },
    async keep(ledger, large, options) {
      const { body, kept } = await keepValue(blobs, large, maxResultBytes, options)
      try {
        for (const one of kept) {
          // What is not known any more is not this node's to settle, either.
          if (!(await blobs.spreadTo(ledger, one, options))) throw new Error('The run was lost')
        }
        return body
      } finally {
        for (const { release } of kept) release()
      }
    },
    async store(file, options) {
      const { reference, release } = await blobs.keepFile(file, options)
      return { blob: blobs.stored(reference), release }
    },
    stored: blob => blobs.stored(blob),
  }
}
