import { createHash, type Hash } from 'node:crypto'
import type { OutputPiece, OutputStream } from '../../shell/frames.ts'

/** How far a stream has come. */
interface Extent {
  bytes: number
  readonly hash: Hash
}

type Extents = Readonly<Record<OutputStream, Extent>>

/**
 * Shows the output of a command while it is written, each byte once. Should the command be run
 * again, its output is compared with what has been shown, and goes on where that has ended; where
 * it is another one, nothing more is shown before it is known as a whole.
 */
export class LiveOutput {
  readonly #shown: Extents = { 1: nothing(), 2: nothing() }
  #run: Extents = { 1: nothing(), 2: nothing() }
  #hasDiverged = false

  /** The output of a run begins. */
  begin(): void {
    this.#run = { 1: nothing(), 2: nothing() }
    this.#hasDiverged = false
  }

  /** What to show of a piece that follows those before it in the same run. */
  *next({ stream, bytes }: OutputPiece): Generator<OutputPiece> {
    if (this.#hasDiverged) return
    const shown = this.#shown[stream]
    const run = this.#run[stream]
    const known = bytes.subarray(0, Math.max(0, shown.bytes - run.bytes))
    const fresh = bytes.subarray(known.byteLength)
    run.hash.update(known)
    run.bytes += bytes.byteLength
    const isLevel = run.bytes >= shown.bytes
    if (known.byteLength > 0 && isLevel && digest(run.hash) !== digest(shown.hash)) {
      this.#hasDiverged = true
      return
    }
    if (fresh.byteLength === 0) return
    shown.bytes += fresh.byteLength
    shown.hash.update(fresh)
    run.hash.update(fresh)
    yield { stream, bytes: fresh }
  }

  /** Whether what has been shown is all that the run has written. Asked at its end. */
  get isWhole(): boolean {
    const streams: readonly OutputStream[] = [1, 2]
    return !this.#hasDiverged && streams.every(it => this.#run[it].bytes === this.#shown[it].bytes)
  }
}

function nothing(): Extent {
  return { bytes: 0, hash: createHash('sha256') }
}

function digest(hash: Hash): string {
  return hash.copy().digest('hex')
}
