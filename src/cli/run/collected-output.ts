import type { OutputReply } from './requests.ts'

/** Longest text of a stream in JSON, in bytes; the rest is left out. */
const bytesMax = 64 * 2 ** 20

/** The output of a command in one piece, for JSON. */
export class CollectedOutput {
  #pieces: Record<1 | 2, Buffer[]> = { 1: [], 2: [] }
  #bytes = { 1: 0, 2: 0 }

  add({ stream, base64 }: OutputReply): void {
    const piece = Buffer.from(base64, 'base64').subarray(0, bytesMax - this.#bytes[stream])
    this.#pieces[stream].push(piece)
    this.#bytes[stream] += piece.byteLength
  }

  /** All of it comes again. */
  clear(): void {
    this.#pieces = { 1: [], 2: [] }
    this.#bytes = { 1: 0, 2: 0 }
  }

  get stdout(): string {
    return Buffer.concat(this.#pieces[1]).toString()
  }

  get stderr(): string {
    return Buffer.concat(this.#pieces[2]).toString()
  }
}
