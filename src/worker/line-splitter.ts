import { StringDecoder } from 'node:string_decoder'

/** Characters after which a line that does not end is given out in pieces. */
const maxLineChars = 8_192

/** Characters of the end of a text that are kept. */
const maxTailChars = 2_048

/** Cuts text that comes in chunks into its lines, and remembers its end. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  readonly #onLine: (line: string) => void
  #rest = ''
  #tail = ''

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  /** The last lines of the text, about 2 KiB. */
  get tail(): string {
    const whole = this.#tail.length <= maxTailChars
    const end = this.#tail.slice(-maxTailChars)
    const lines = whole ? end : `…${end.slice(end.indexOf('\n') + 1)}`
    return lines.trimEnd()
  }

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk))
  }

  /** Gives out a last line that does not end in a line break. */
  end(): void {
    this.#take(this.#decoder.end())
    if (this.#rest !== '') this.#onLine(this.#rest)
    this.#rest = ''
  }

  #take(text: string): void {
    // One more than is kept, so as to know whether there was more.
    this.#tail = (this.#tail + text).slice(-maxTailChars - 1)
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    while (this.#rest.length > maxLineChars) {
      this.#onLine(this.#rest.slice(0, maxLineChars))
      this.#rest = this.#rest.slice(maxLineChars)
    }
  }
}
