/** Four words of state of a small fast counter generator. */
export type Random = Uint32Array

/** A generator whose numbers follow from the seed alone. Source: C. Doty-Humphrey, sfc32. */
export function randomFrom(seed: readonly [number, number, number, number]): Random {
  const random = Uint32Array.from(seed)
  for (let i = 0; i < 12; i++) nextWord(random)
  return random
}

/** The next 32 random bits. */
export function nextWord(random: Random): number {
  const [a = 0, b = 0, c = 0, d = 0] = random
  const word = (a + b + d) >>> 0
  random[3] = d + 1
  random[0] = b ^ (b >>> 9)
  random[1] = c + (c << 3)
  random[2] = ((c << 21) | (c >>> 11)) + word
  return word
}

/** A number from 0 up to, not including, 1. */
export function nextFraction(random: Random): number {
  return nextWord(random) / 2 ** 32
}

/** 128 random bits in 32 hex digits. */
export function nextId(random: Random): string {
  let id = ''
  for (let i = 0; i < 4; i++) id += nextWord(random).toString(16).padStart(8, '0')
  return id
}

/** A 32-bit hash of a text, for placing and for digests, not for secrets. Source: FNV-1a. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return hash >>> 0
}

/** Mixes two 32-bit numbers into one. Source: the finalizer of MurmurHash3. */
export function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ (b + 0x9e3779b9), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
