/**
 * A set of states by 53-bit hashes of them. Two states with one hash would be taken for the
 * same; among ten million that happens with probability 1 : 180.
 */
export class StateSet {
  #slots = new Float64Array(1 << 16)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Adds a state by its hash, which is not 0. Returns whether it is new. */
  add(hash: number): boolean {
    if (this.#size * 2 > this.#slots.length) this.#grow()
    const slots = this.#slots
    const mask = slots.length - 1
    let at = (hash >>> 0) & mask
    while (slots[at] !== 0) {
      if (slots[at] === hash) return false
      at = (at + 1) & mask
    }
    slots[at] = hash
    this.#size += 1
    return true
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Float64Array(old.length * 4)
    this.#size = 0
    for (const hash of old) if (hash !== 0) this.add(hash)
  }
}

/** Two words for each number, to be summed up to a hash of a set of them, in any order. */
export class WordTable {
  #a = new Int32Array(1 << 10)
  #b = new Int32Array(1 << 10)
  #size = 0
  readonly #source: (number: number) => number

  /** `source` gives the number that one stands for. */
  constructor(source: (number: number) => number) {
    this.#source = source
  }

  /** Makes words for all numbers below. */
  reach(size: number): void {
    while (this.#size < size) {
      const at = this.#size
      if (at === this.#a.length) {
        this.#a = grown(this.#a)
        this.#b = grown(this.#b)
      }
      const number = this.#source(at)
      this.#a[at] = mix(number + 0x7f4a7c15, 0x85ebca6b, 0xc2b2ae35)
      this.#b[at] = mix(number ^ 0x165667b1, 0x2c1b3c6d, 0x297a2d39)
      this.#size += 1
    }
  }

  get first(): Int32Array {
    return this.#a
  }

  get second(): Int32Array {
    return this.#b
  }
}

function grown(words: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(words.length * 2)
  more.set(words)
  return more
}

function mix(number: number, first: number, second: number): number {
  let x = Math.imul(number ^ (number >>> 16), first)
  x = Math.imul(x ^ (x >>> 13), second)
  return x ^ (x >>> 16)
}
