import { pieceBytes } from './ports.ts'

/** Which pieces of a blob are there. */
export class Pieces {
  readonly count: number
  readonly size: number
  readonly #bits: Uint8Array
  #done = 0

  /** `bits` as an earlier `encode` gave them; ignored unless they fit. */
  constructor(size: number, bits?: Uint8Array) {
    this.size = size
    this.count = Math.ceil(size / pieceBytes)
    this.#bits = new Uint8Array(Math.ceil(this.count / 8))
    if (bits?.length !== this.#bits.length) return
    for (let piece = 0; piece < this.count; piece++) {
      if (((bits[piece >> 3] as number) & (1 << (piece & 7))) !== 0) this.add(piece)
    }
  }

  get whole(): boolean {
    return this.#done === this.count
  }

  has(piece: number): boolean {
    return ((this.#bits[piece >> 3] ?? 0) & (1 << (piece & 7))) !== 0
  }

  add(piece: number): void {
    if (this.has(piece)) return
    this.#bits[piece >> 3] = (this.#bits[piece >> 3] as number) | (1 << (piece & 7))
    this.#done++
  }

  missing(): number[] {
    const missing: number[] = []
    for (let piece = 0; piece < this.count; piece++) if (!this.has(piece)) missing.push(piece)
    return missing
  }

  encode(): Uint8Array {
    return this.#bits
  }
}

/** Where a piece is in its blob. */
export function rangeOf(piece: number, size: number): { offset: number; length: number } {
  const offset = piece * pieceBytes
  return { offset, length: Math.min(pieceBytes, size - offset) }
}
