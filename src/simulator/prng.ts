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

  /**
   * The generator of one part of a seed's run. Whatever other parts draw, and whether there are
   * any, it draws the same: a run without some fault stays like the one with it for as long as can be.
   */
  static named(seed: number, part: string): Prng {
    let hash = 0x811c9dc5
    for (let i = 0; i < part.length; i++) hash = Math.imul(hash ^ part.charCodeAt(i), 0x01000193)
    const low = (seed ^ hash) >>> 0
    const high = (Math.floor(seed / 2 ** 32) ^ Math.imul(hash, 0x85ebca6b)) >>> 11
    return new Prng(high * 2 ** 32 + low)
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
}
