/** How many texts are known at the most; a power of two. */
const places = 1_024

/** Longest id that is known by its bytes, in bytes. */
const idBytesMax = 16

/**
 * Texts that come again and again, as the ids of nodes and ledgers do: each is made once and is one
 * object from then on, which maps find by its address. A text has one place, and the last one that
 * falls there stays: whoever sends ever new ones makes nothing grow.
 */
export class KnownTexts {
  readonly #texts: string[] = Array.from({ length: places }, () => '')
  readonly #ids: string[] = Array.from({ length: places }, () => '')
  /** The bytes of the id at each place. */
  readonly #idBytes = new Uint8Array(places * idBytesMax)

  /** The text of some bytes below 128, which `make` makes if it is not known. */
  ascii(bytes: Uint8Array, start: number, end: number, make: () => string): string {
    let hash = 0
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
    const place = (hash ^ (hash >>> 15)) & (places - 1)
    const known = this.#texts[place] as string
    if (isText(known, bytes, start, end)) return known
    return (this.#texts[place] = make())
  }

  /** The hex digits of an id, which is random and at most 16 bytes long. */
  hex(bytes: Uint8Array, start: number, end: number, make: () => string): string {
    const length = end - start
    if (length < 2 || length > idBytesMax) return make()
    const low = bytes[start] as number
    const place = (low | ((bytes[start + 1] as number) << 8)) & (places - 1)
    const known = this.#ids[place] as string
    const at = place * idBytesMax
    let i = known.length === 2 * length ? 0 : Infinity
    while (i < length && this.#idBytes[at + i] === bytes[start + i]) i++
    if (i === length) return known
    for (let k = 0; k < length; k++) this.#idBytes[at + k] = bytes[start + k] as number
    return (this.#ids[place] = make())
  }
}

function isText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let i = start; i < end; i++) if (text.charCodeAt(i - start) !== bytes[i]) return false
  return true
}
