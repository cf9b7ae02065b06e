import { eachSeq } from '../core/ranges.ts'
import type { Values } from '../core/messages.ts'

/** A number that is the same for the same value only, as far as a simulation can tell. */
export type ValueDigest = number

/** A value as a report shows it. */
export interface ValueFacts {
  readonly kind: Values['kind']
  readonly reason: Values['reason']
  readonly failures: number
  readonly by: string
  readonly delayMs: number
  readonly bodyDigest: number
}

/** Remembers what digests stand for. */
export class ValueDigests {
  readonly #facts = new Map<ValueDigest, ValueFacts>()
  readonly #words = new Map<string, number>()
  /** Several look at the same values, one after the other. */
  #latest: Values | undefined
  #digests: readonly ValueDigest[] = []

  /** Calls with the digest of each value. */
  forEach(values: Values, call: (seq: number, digest: ValueDigest) => void): void {
    if (values !== this.#latest) this.#digests = this.#digest(values)
    this.#latest = values
    const digests = this.#digests
    let i = 0
    eachSeq(values.seqs, seq => call(seq, digests[i++] as ValueDigest))
  }

  #digest(values: Values): readonly ValueDigest[] {
    const { kind, reason, failures, by, delayMs, lengths, body } = values
    const digests: ValueDigest[] = []
    const words = mixDigests(this.#wordOf(kind), mixDigests(this.#wordOf(reason), this.#wordOf(by)))
    const head = mixDigests(words, mixDigests(failures + 1, delayMs + 1))
    let from = 0
    for (const length of lengths) {
      const to = from + length
      const bodyDigest = digestBytes(body, from, to)
      const digest = mixDigests(head, bodyDigest)
      if (!this.#facts.has(digest)) {
        this.#facts.set(digest, { kind, reason, failures, by, delayMs, bodyDigest })
      }
      digests.push(digest)
      from = to
    }
    return digests
  }

  /** The digest of a kind, a reason or a name: there are few, and they come again and again. */
  #wordOf(word: string): number {
    let digest = this.#words.get(word)
    if (digest === undefined) this.#words.set(word, (digest = digestText(word)))
    return digest
  }

  /** What a digest stands for. */
  factsOf(digest: ValueDigest): ValueFacts | undefined {
    return this.#facts.get(digest)
  }

  /** A digest in words. */
  describe(digest: ValueDigest): string {
    const facts = this.#facts.get(digest)
    if (facts === undefined) return '?'
    const { kind, reason, failures, by, bodyDigest } = facts
    const why = reason === '' ? '' : `(${reason})`
    return `${kind}${why} by ${by || 'nobody'} failures ${failures} body ${bodyDigest.toString(16)}`
  }
}

/** A digest of some bytes, of 53 bits. */
export function digestBytes(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let low = 0x811c9dc5 ^ (to - from)
  let high = 0x9e3779b9
  for (let i = from; i < to; i++) {
    low = Math.imul(low ^ (bytes[i] as number), 0x01000193)
    high = Math.imul(high ^ (bytes[i] as number), 0x85ebca6b) + 1
  }
  return join(low, high)
}

function digestText(text: string): number {
  let low = 0x811c9dc5
  let high = 0x9e3779b9
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193)
    high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b) + 1
  }
  return join(low, high)
}

function mixDigests(a: number, b: number): number {
  const low = Math.imul(a | 0, 0xc2b2ae35) ^ (b | 0)
  const high = Math.imul((a / 2 ** 32) | 0, 0x27d4eb2f) ^ ((b / 2 ** 32) | 0)
  return join(low, high)
}

function join(low: number, high: number): number {
  return ((high ^ (high >>> 15)) >>> 11) * 2 ** 32 + ((low ^ (low >>> 13)) >>> 0)
}
