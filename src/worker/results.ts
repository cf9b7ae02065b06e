import type { Finished } from '../core/inputs.ts'
import { contains, fromSeqs, type Ranges } from '../core/ranges.ts'

const kinds = ['done', 'error', 'unrecoverable', 'timeout', 'result', 'released'] as const

/** Ends of runs of one claim that have not been given out, gathered in columns by kind. */
export class Results {
  readonly #columns = new Map<Finished['kind'], Column>()

  get empty(): boolean {
    return this.#columns.size === 0
  }

  add(kind: Finished['kind'], seq: number, body: string | Uint8Array): void {
    let column = this.#columns.get(kind)
    if (column === undefined) {
      column = { seqs: [], bodies: [] }
      this.#columns.set(kind, column)
    }
    column.seqs.push(seq)
    column.bodies.push(body)
  }

  /** Forgets what has been gathered of these tasks. */
  drop(seqs: Ranges): void {
    for (const [kind, column] of this.#columns) {
      const kept = column.seqs.map(seq => !contains(seqs, seq))
      column.seqs = column.seqs.filter((_, i) => kept[i])
      column.bodies = column.bodies.filter((_, i) => kept[i])
      if (column.seqs.length === 0) this.#columns.delete(kind)
    }
  }

  /** Takes everything out, one input per kind. */
  take(ledger: string, token: number): Finished[] {
    const all: Finished[] = []
    for (const kind of kinds) {
      const column = this.#columns.get(kind)
      if (column !== undefined) all.push({ ...finishedOf(column), ledger, token, kind })
    }
    this.#columns.clear()
    return all
  }
}

const encoder = new TextEncoder()

interface Column {
  seqs: number[]
  /** Texts, but for results that are kept elsewhere. */
  bodies: (string | Uint8Array)[]
}

function finishedOf(column: Column): Pick<Finished, 'type' | 'seqs' | 'lengths' | 'body'> {
  const { seqs, bodies } = inOrder(column)
  if (bodies.some(body => typeof body !== 'string')) return mixed(seqs, bodies)
  const text = bodies.join('')
  const body = encoder.encode(text)
  // Where every character took one byte, as in most JSON, no body has to be counted by itself.
  const ascii = body.length === text.length
  const lengths = new Uint32Array(bodies.length)
  for (let i = 0; i < bodies.length; i++) {
    const one = bodies[i] as string
    lengths[i] = ascii ? one.length : Buffer.byteLength(one)
  }
  return { type: 'finished', seqs: fromSeqs(seqs), lengths, body }
}

function mixed(
  seqs: readonly number[],
  bodies: readonly (string | Uint8Array)[],
): ReturnType<typeof finishedOf> {
  const parts = bodies.map(body => (typeof body === 'string' ? encoder.encode(body) : body))
  const lengths = Uint32Array.from(parts, part => part.length)
  return { type: 'finished', seqs: fromSeqs(seqs), lengths, body: Buffer.concat(parts) }
}

function inOrder(column: Column): Column {
  const { seqs, bodies } = column
  if (seqs.every((seq, i) => i === 0 || (seqs[i - 1] as number) < seq)) return column
  const order = seqs.map((_, i) => i).sort((a, b) => (seqs[a] as number) - (seqs[b] as number))
  return {
    seqs: order.map(i => seqs[i] as number),
    bodies: order.map(i => bodies[i] as string | Uint8Array),
  }
}
