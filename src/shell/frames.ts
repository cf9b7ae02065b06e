/*
 * What a command writes is kept in the order in which it was read: frames, each a byte that tells
 * the stream, the number of bytes that follow in four (big-endian), and these.
 */

/** 1 is stdout, 2 stderr. */
export type OutputStream = 1 | 2

/** Some of a command's output. */
export interface OutputPiece {
  readonly stream: OutputStream
  readonly bytes: Uint8Array
}

const headBytes = 5

/** A piece of output as a frame. */
export function frameOf({ stream, bytes }: OutputPiece): Buffer {
  const head = Buffer.alloc(headBytes)
  head[0] = stream
  head.writeUInt32BE(bytes.byteLength, 1)
  return Buffer.concat([head, bytes])
}

/** Reads frames that come in parts of any size; what there is of a frame is given out at once. */
export class FrameReader {
  #head: number[] = []
  #stream: OutputStream = 1
  #left = 0

  /** @throws {TypeError} What comes is no frame. */
  read(bytes: Uint8Array): OutputPiece[] {
    const pieces: OutputPiece[] = []
    let at = 0
    while (at < bytes.byteLength) {
      if (this.#left === 0) {
        this.#readHead(bytes[at++] as number)
        continue
      }
      const part = bytes.subarray(at, at + this.#left)
      pieces.push({ stream: this.#stream, bytes: part })
      this.#left -= part.byteLength
      at += part.byteLength
    }
    return pieces
  }

  #readHead(byte: number): void {
    this.#head.push(byte)
    if (this.#head.length < headBytes) return
    const [stream, ...length] = this.#head
    this.#head = []
    if (stream !== 1 && stream !== 2) throw new TypeError('Output of a command is not in frames')
    this.#stream = stream
    this.#left = Buffer.from(length).readUInt32BE()
  }
}

/** The pieces in frames that come one part after the other. */
export async function* piecesOf(parts: AsyncIterable<Uint8Array>): AsyncGenerator<OutputPiece> {
  const reader = new FrameReader()
  for await (const part of parts) yield* reader.read(part)
}
