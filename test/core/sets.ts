import * as fc from 'fast-check'
import { fromSeqs } from '../../src/core/ranges.ts'

/** The largest number in these sets, so that small sets meet each other often. */
export const setLimit = 40

/** A set of small numbers: the naive twin of ranges. */
export const naiveSet: fc.Arbitrary<Set<number>> = fc
  .uniqueArray(fc.nat({ max: setLimit - 1 }))
  .map(seqs => new Set(seqs))

/** The ranges of a set. */
export function rangesOf(set: ReadonlySet<number>): number[] {
  return fromSeqs([...set].sort((a, b) => a - b))
}

export function union(a: ReadonlySet<number>, b: ReadonlySet<number>): Set<number> {
  return new Set([...a, ...b])
}

export function intersection(a: ReadonlySet<number>, b: ReadonlySet<number>): Set<number> {
  return new Set([...a].filter(seq => b.has(seq)))
}

export function difference(a: ReadonlySet<number>, b: ReadonlySet<number>): Set<number> {
  return new Set([...a].filter(seq => !b.has(seq)))
}
