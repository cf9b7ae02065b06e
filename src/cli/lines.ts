/** A line was longer than what the reader takes. */
export class LineTooLongError extends Error {
  static override name = 'LineTooLongError'

  readonly line: number
  readonly maxBytes: number

  constructor(line: number, maxBytes: number) {
    super(`Line ${line} is longer than ${maxBytes} bytes`)
    this.name = 'LineTooLongError'
    this.line = line
    this.maxBytes = maxBytes
  }
}

/**
 * Splits a stream of bytes into lines without their line feed, and hands on together those that
 * have come together. Holds at most one unfinished line, of at most `maxBytes`.
 *
 * @throws {LineTooLongError}
 */
export async function* linesOf(
  source: AsyncIterable<Uint8Array | string>,
  maxBytes: number,
): AsyncGenerator<readonly string[]> {
  let parts: Buffer[] = []
  let heldBytes = 0
  let line = 1

  const take = (part: Buffer): void => {
    heldBytes += part.byteLength
    if (heldBytes > maxBytes) throw new LineTooLongError(line, maxBytes)
    parts.push(part)
  }
  const finish = (): string => {
    const text = Buffer.concat(parts).toString('utf8')
    parts = []
    heldBytes = 0
    line += 1
    return text.endsWith('\r') ? text.slice(0, -1) : text
  }

  for await (const piece of source) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece)
    const lines: string[] = []
    let start = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      take(bytes.subarray(start, end))
      lines.push(finish())
      start = end + 1
    }
    take(bytes.subarray(start))
    if (lines.length > 0) yield lines
  }
  if (heldBytes > 0) yield [finish()]
}
