/**
 * Seeded random numbers: all that a simulation draws comes from these, so that a seed is the
 * whole run. Only integer and exact floating-point operations, the same on every machine.
 * Source: C. Doty-Humphrey, sfc32.
 */
export class Prng {
  #a: number
  #b: number
  #c = 0x9e3779b9
  #d = 1

  /** Any integer up to 2⁵³. */
  constructor(seed: number) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    for (let i = 0; i < 16; i++) this.uint32()
  }

  /** The next 32 random bits. */
  uint32(): number {
    const word = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + word) | 0
    return word >>> 0
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    return this.uint32() / 2 ** 32
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  /** A number between two others. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low)
  }

  /** True with this probability; draws nothing for 0, so that a fault that is off costs nothing. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  /** Random hex digits; a multiple of eight. */
  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.uint32().toString(16).padStart(8, '0')
    return text
  }

  /** A generator of its own, so that draws of one part do not shift those of another. */
  fork(): Prng {
    return new Prng(this.uint32() * 2 ** 20 + (this.uint32() >>> 12))
  }
}
