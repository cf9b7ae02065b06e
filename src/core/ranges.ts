/**
 * Sets of sequence numbers as ascending, disjoint runs: `[first, count, first, count, …]`.
 * A plain array of numbers, so that a message, a stored row and a register share it.
 */
export type Ranges = readonly number[]

/** How many numbers a set has. */
export function countOf(ranges: Ranges): number {
  let count = 0
  for (let i = 1; i < ranges.length; i += 2) count += ranges[i] as number
  return count
}

/** Appends a run to a set under construction; it must lie above all that is there. */
export function pushRun(ranges: number[], first: number, count: number): void {
  if (count <= 0) return
  const n = ranges.length
  if (n > 0 && (ranges[n - 2] as number) + (ranges[n - 1] as number) === first) {
    ranges[n - 1] = (ranges[n - 1] as number) + count
  } else {
    ranges.push(first, count)
  }
}

/** The number behind the last one of a set; 0 of none. */
export function endOf(ranges: Ranges): number {
  const n = ranges.length
  return n === 0 ? 0 : (ranges[n - 2] as number) + (ranges[n - 1] as number)
}

/** Whether a number is in a set. */
export function contains(ranges: Ranges, seq: number): boolean {
  const at = runAt(ranges, seq)
  return at < ranges.length && (ranges[at] as number) <= seq
}

/** How many numbers of a run are in a set. */
export function countIn(ranges: Ranges, first: number, count: number): number {
  const end = first + count
  let found = 0
  for (let i = runAt(ranges, first); i < ranges.length; i += 2) {
    const from = Math.max(first, ranges[i] as number)
    const to = Math.min(end, (ranges[i] as number) + (ranges[i + 1] as number))
    if (from >= to) break
    found += to - from
  }
  return found
}

/** Index of the first run that ends above `seq`, or the length if there is none. */
export function runAt(ranges: Ranges, seq: number): number {
  let low = 0
  let high = ranges.length / 2
  while (low < high) {
    const mid = (low + high) >>> 1
    if ((ranges[mid * 2] as number) + (ranges[mid * 2 + 1] as number) > seq) high = mid
    else low = mid + 1
  }
  return low * 2
}

/** Numbers that are in both sets. */
export function intersect(a: Ranges, b: Ranges): number[] {
  const both: number[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const aFirst = a[i] as number
    const bFirst = b[j] as number
    const aEnd = aFirst + (a[i + 1] as number)
    const bEnd = bFirst + (b[j + 1] as number)
    const first = aFirst > bFirst ? aFirst : bFirst
    const end = aEnd < bEnd ? aEnd : bEnd
    if (first < end) pushRun(both, first, end - first)
    if (aEnd < bEnd) i += 2
    else j += 2
  }
  return both
}

/** Numbers of the first set that are not in the second. */
export function subtract(a: Ranges, b: Ranges): number[] {
  const rest: number[] = []
  let j = 0
  for (let i = 0; i < a.length; i += 2) {
    let first = a[i] as number
    const end = first + (a[i + 1] as number)
    while (j < b.length && (b[j] as number) + (b[j + 1] as number) <= first) j += 2
    for (let k = j; k < b.length && (b[k] as number) < end; k += 2) {
      pushRun(rest, first, (b[k] as number) - first)
      first = Math.max(first, (b[k] as number) + (b[k + 1] as number))
    }
    pushRun(rest, first, end - first)
  }
  return rest
}

/** Numbers that are in one of the sets or in both. */
export function union(a: Ranges, b: Ranges): number[] {
  if (a.length === 0) return [...b]
  const all: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number))
    const from = takeA ? a : b
    const at = takeA ? i : j
    if (takeA) i += 2
    else j += 2
    mergeRun(all, from[at] as number, from[at + 1] as number)
  }
  return all
}

function mergeRun(ranges: number[], first: number, count: number): void {
  const n = ranges.length
  const end = n === 0 ? -1 : (ranges[n - 2] as number) + (ranges[n - 1] as number)
  if (n > 0 && first <= end) {
    ranges[n - 1] = Math.max(end, first + count) - (ranges[n - 2] as number)
  } else {
    pushRun(ranges, first, count)
  }
}

/** The first `count` numbers of a set. */
export function take(ranges: Ranges, count: number): number[] {
  const some: number[] = []
  let left = count
  for (let i = 0; i < ranges.length && left > 0; i += 2) {
    const run = Math.min(left, ranges[i + 1] as number)
    pushRun(some, ranges[i] as number, run)
    left -= run
  }
  return some
}

/** A set from numbers in ascending order. */
export function fromSeqs(seqs: Iterable<number>): number[] {
  const ranges: number[] = []
  for (const seq of seqs) pushRun(ranges, seq, 1)
  return ranges
}

/** Calls back with each number of a set, ascending. Several times as fast as iterating. */
export function eachSeq(ranges: Ranges, call: (seq: number) => void): void {
  for (let i = 0; i < ranges.length; i += 2) {
    const end = (ranges[i] as number) + (ranges[i + 1] as number)
    for (let seq = ranges[i] as number; seq < end; seq++) call(seq)
  }
}

/** The numbers of a set, ascending. */
export function seqsOf(ranges: Ranges): Iterable<number> {
  // Of one task in most cases, for which an array costs less than a generator.
  return ranges.length === 2 && ranges[1] === 1 ? [ranges[0] as number] : seqsOfMany(ranges)
}

function* seqsOfMany(ranges: Ranges): Generator<number> {
  for (let i = 0; i < ranges.length; i += 2) {
    const first = ranges[i] as number
    const end = first + (ranges[i + 1] as number)
    for (let seq = first; seq < end; seq++) yield seq
  }
}

/** Whether runs are ascending, disjoint, not adjacent and within `0 … limit − 1`. */
export function isCanonical(ranges: Ranges, limit: number): boolean {
  if (ranges.length % 2 !== 0) return false
  let end = -1
  for (let i = 0; i < ranges.length; i += 2) {
    const first = ranges[i] as number
    const count = ranges[i + 1] as number
    if (!Number.isInteger(first) || !Number.isInteger(count)) return false
    if (first <= end || first < 0 || count < 1) return false
    end = first + count
    if (end > limit) return false
  }
  return true
}
