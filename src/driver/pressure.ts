import type { Entry } from '../core/entries.ts'
import type { Lsn } from '../core/ids.ts'
import type { Values } from '../core/messages.ts'

/** How far the store may lag behind, and how much may wait for a turn, before readers wait. */
export interface PressureLimits {
  readonly entriesMax: number
  readonly bytesMax: number
  readonly inputsMax: number
}

/** Some frames' worth of both: a disk that keeps up never comes near. */
export const pressureLimits: PressureLimits = {
  entriesMax: 10_000,
  bytesMax: 8 * 2 ** 20,
  inputsMax: 1_024,
}

/** Bytes of everything in an entry but what it costs to hold it. */
const entryBytesMin = 64

/**
 * Says when those who feed a node must wait: as long as its store lags behind by too much or
 * too many inputs queue up. It gives way at half the limits, so that it does not flutter.
 */
export class Pressure {
  readonly #limits: PressureLimits
  #entries = 0
  #bytes = 0
  #inputs = 0
  #appends: { readonly lsn: Lsn; readonly entries: number; readonly bytes: number }[] = []
  #waiting: PromiseWithResolvers<void> | undefined

  constructor(limits: PressureLimits = pressureLimits) {
    this.#limits = limits
  }

  /** Resolves when there is room again, or `undefined` where there is. */
  get room(): Promise<void> | undefined {
    if (this.#waiting === undefined && this.#isOver(1)) this.#waiting = Promise.withResolvers()
    return this.#waiting?.promise
  }

  queued(inputs: number): void {
    this.#inputs = inputs
    this.#relax()
  }

  appended(lsn: Lsn, entries: readonly Entry[]): void {
    let bytes = 0
    for (const entry of entries) bytes += entryBytes(entry)
    this.#entries += entries.length
    this.#bytes += bytes
    this.#appends.push({ lsn, entries: entries.length, bytes })
  }

  durable(lsn: Lsn): void {
    let done = 0
    for (const append of this.#appends) {
      if (append.lsn > lsn) break
      this.#entries -= append.entries
      this.#bytes -= append.bytes
      done++
    }
    if (done > 0) this.#appends.splice(0, done)
    this.#relax()
  }

  /** Lets everybody go, because nothing will be taken in any more. */
  release(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
    this.#entries = 0
    this.#bytes = 0
    this.#inputs = 0
    this.#appends = []
  }

  #relax(): void {
    if (this.#waiting === undefined || this.#isOver(0.5)) return
    this.#waiting.resolve()
    this.#waiting = undefined
  }

  #isOver(share: number): boolean {
    const { entriesMax, bytesMax, inputsMax } = this.#limits
    return (
      this.#entries > entriesMax * share ||
      this.#bytes > bytesMax * share ||
      this.#inputs > inputsMax * share
    )
  }
}

function entryBytes(entry: Entry): number {
  switch (entry.type) {
    case 'stored':
      return entryBytesMin + entry.chunk.payload.length + 4 * entry.chunk.count
    case 'accepted':
      return entryBytesMin + valuesBytes(entry.values)
    case 'settled':
      return entry.outcomes.reduce((sum, { values }) => sum + valuesBytes(values), entryBytesMin)
    default:
      return entryBytesMin
  }
}

function valuesBytes(values: readonly Values[]): number {
  let bytes = 0
  for (const { body, lengths } of values) bytes += body.length + 4 * lengths.length
  return bytes
}
