import type { MeshBlob } from './mesh-blob.ts'
import type { BlobHash } from './ports.ts'

/*
 * A blob within JSON is `{ "size": …, "hash": "…" }`, and the payload or the result names it beside
 * its JSON, so that the object is a blob again when it is read.
 */

/** Where blobs go that are written as JSON at this moment. */
let noting: MeshBlob[] | undefined

/** A blob is being written as JSON. */
export function noteBlob(blob: MeshBlob): void {
  if (noting !== undefined && !noting.some(({ hash }) => hash === blob.hash)) noting.push(blob)
}

/** JSON of a value, `undefined` if it has none. Blobs within are added to `found`, each once. */
export function jsonWithBlobs(value: unknown, found: MeshBlob[]): string | undefined {
  const before = noting
  noting = found
  try {
    return JSON.stringify(value)
  } finally {
    noting = before
  }
}

/** Reads JSON in which blobs may be. */
export function parseWithBlobs(text: string, blobs: readonly MeshBlob[] = []): unknown {
  if (blobs.length === 0) return JSON.parse(text)
  const byHash = new Map<BlobHash, MeshBlob>(blobs.map(blob => [blob.hash, blob]))
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('hash' in value)) return value
    const blob = byHash.get(String(value.hash))
    const { size } = value as { readonly size?: unknown }
    return blob?.size === size && Object.keys(value).length === 2 ? blob : value
  })
}
