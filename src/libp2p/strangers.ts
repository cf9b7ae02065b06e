/** Nodes that were met but cannot be of this mesh as the two are set up. */
export interface Stranger {
  /** Failed attempts since this node started. */
  readonly count: number
  /** Where the last one was met; may be several addresses. */
  readonly address: string
  /** Time since then, in milliseconds. */
  readonly agoMs: number
}

/** What keeps two nodes apart: the secret in their handshakes, or the names of their meshes. */
export type Difference = 'secret' | 'mesh'

/** Strangers by what keeps them apart; absent where none was met. */
export type StrangersMet = { readonly [D in Difference]?: Stranger }

/** Longest address that is kept, in characters. */
const addressCharsMax = 512

/** Remembers the last stranger of each kind, so that somebody can be told why nobody comes. */
export class Strangers {
  readonly #met = new Map<Difference, { count: number; address: string; at: number }>()

  meet(difference: Difference, address: string): void {
    const count = (this.#met.get(difference)?.count ?? 0) + 1
    const shortened = address.slice(0, addressCharsMax)
    this.#met.set(difference, { count, address: shortened, at: performance.now() })
  }

  met(): StrangersMet {
    const now = performance.now()
    const entries = [...this.#met].map(([difference, { count, address, at }]) => [
      difference,
      { count, address, agoMs: Math.round(now - at) },
    ])
    return Object.fromEntries(entries) as StrangersMet
  }
}
