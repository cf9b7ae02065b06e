import type { Hint } from '../core/messages.ts'
import { decodeHints } from '../wire/codec.ts'

/** One message of the gossip topic. Whoever gets it sees the same hints, which nobody can change. */
export class Gossip {
  readonly #bytes: Uint8Array
  #hints: readonly Hint[] | undefined

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** What it says; read when the first one hears of it. */
  get hints(): readonly Hint[] {
    return (this.#hints ??= frozen(decodeHints(this.#bytes)))
  }
}

function frozen<T extends object>(value: T): T {
  for (const field of Object.values(value)) {
    if (typeof field === 'object' && field !== null) frozen(field as object)
  }
  return Object.freeze(value)
}
