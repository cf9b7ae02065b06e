const lengthBytes = 4

/** Packs bodies into pages of about `pageBytes`, each body behind its length. */
export function packPages(bodies: Iterable<Uint8Array>, pageBytes: number): Uint8Array[] {
  const pages: Uint8Array[] = []
  let page = Buffer.allocUnsafeSlow(pageBytes)
  let used = 0
  const flush = (): void => {
    if (used > 0) pages.push(page.subarray(0, used))
    used = 0
  }

  for (const body of bodies) {
    const needed = lengthBytes + body.byteLength
    if (used + needed > page.byteLength) {
      flush()
      page = Buffer.allocUnsafeSlow(Math.max(pageBytes, needed))
    }
    page.writeUInt32LE(body.byteLength, used)
    page.set(body, used + lengthBytes)
    used += needed
  }
  flush()
  return pages
}

/** The bodies of a page, each a copy. Throws if the page does not hold what its lengths say. */
export function* unpackPage(bytes: Uint8Array): Generator<Uint8Array> {
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at < page.byteLength) {
    const left = page.byteLength - at - lengthBytes
    const length = left < 0 ? 0 : page.readUInt32LE(at)
    if (left < length) throw new Error('the page ends within an entry')
    at += lengthBytes
    yield new Uint8Array(page.subarray(at, at + length))
    at += length
  }
}
