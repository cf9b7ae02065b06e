import { InvalidMessageError } from '@libp2p/interface'

/** A chunk of received bytes, in one piece or several. */
export type Chunk = Uint8Array | Iterable<Uint8Array>

/** Bytes of a length that is written in seven bits per byte: enough for 268,435,455. */
const lengthBytesMax = 4

/**
 * Cuts received bytes into frames, each behind its length as an unsigned varint.
 *
 * Every byte is copied once, into the frame it belongs to, and none is kept: the buffers of a
 * chunk are used again by the encryption layer as soon as it has been taken in. A length that is
 * too large or badly written is found at once, before anything is stored for it.
 */
export class FrameReader {
  readonly #maxFrameBytes: number
  #length = 0
  #lengthBytes = 0
  #frame: Uint8Array | undefined
  #filled = 0

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Bytes held for a frame that is not complete. */
  get heldBytes(): number {
    return this.#frame?.byteLength ?? 0
  }

  /**
   * Takes in a chunk and calls back with each frame that it completes.
   *
   * @throws {InvalidMessageError} A length is over the limit or malformed.
   */
  push(chunk: Chunk, onFrame: (frame: Uint8Array) => void): void {
    if (chunk instanceof Uint8Array) this.#take(chunk, onFrame)
    else for (const part of chunk) this.#take(part, onFrame)
  }

  #take(bytes: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    let at = 0
    while (at < bytes.byteLength) {
      if (this.#frame === undefined) {
        this.#readLength(bytes[at++] ?? 0, onFrame)
        continue
      }
      const part = bytes.subarray(at, at + this.#frame.byteLength - this.#filled)
      this.#frame.set(part, this.#filled)
      this.#filled += part.byteLength
      at += part.byteLength
      if (this.#filled === this.#frame.byteLength) this.#finish(this.#frame, onFrame)
    }
  }

  #readLength(byte: number, onFrame: (frame: Uint8Array) => void): void {
    this.#length |= (byte & 0x7f) << (7 * this.#lengthBytes)
    this.#lengthBytes++
    if (this.#length > this.#maxFrameBytes) {
      throw new InvalidMessageError(`Frame of over ${this.#maxFrameBytes} bytes`)
    }
    if ((byte & 0x80) !== 0) {
      if (this.#lengthBytes === lengthBytesMax)
        throw new InvalidMessageError('Malformed frame length')
      return
    }
    const frame = new Uint8Array(this.#length)
    if (frame.byteLength === 0) this.#finish(frame, onFrame)
    else this.#frame = frame
  }

  #finish(frame: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    // Ready for the next frame before anybody is called, who may throw.
    this.#frame = undefined
    this.#filled = 0
    this.#length = 0
    this.#lengthBytes = 0
    onFrame(frame)
  }
}

/** Bytes that `writeLength` will write. */
export function lengthBytes(length: number): number {
  let bytes = 1
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) bytes++
  return bytes
}

/** Writes a frame's length as an unsigned varint and returns the position behind it. */
export function writeLength(target: Uint8Array, at: number, length: number): number {
  let position = at
  let rest = length
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[position++] = rest
  return position
}
