import { type Ranges, runAt } from './ranges.ts'

/** Adds a run to a set, in place. */
export function addRun(set: number[], first: number, count: number): void {
  if (count <= 0) return
  const n = set.length
  const tail = n === 0 ? -1 : (set[n - 2] as number) + (set[n - 1] as number)
  if (first > tail) {
    set.push(first, count)
    return
  }
  // The first run that touches or lies above the new one, and the first wholly above it.
  let end = first + count
  const from = runAt(set, first - 1)
  let low = first
  let to = from
  while (to < n && (set[to] as number) <= end) {
    low = Math.min(low, set[to] as number)
    end = Math.max(end, (set[to] as number) + (set[to + 1] as number))
    to += 2
  }
  if (to === from + 2) {
    set[from] = low
    set[from + 1] = end - low
  } else {
    set.splice(from, to - from, low, end - low)
  }
}

/** Takes a run out of a set, in place. Returns how many numbers that took out. */
export function removeRun(set: number[], first: number, count: number): number {
  if (count <= 0) return 0
  const end = first + count
  const from = runAt(set, first)
  if (from >= set.length || (set[from] as number) >= end) return 0
  const at = set[from] as number
  const length = set[from + 1] as number
  // The usual case is a run taken from the front of the first one it meets.
  if (at === first && length > count) {
    set[from] = end
    set[from + 1] = length - count
    return count
  }
  const rest: number[] = []
  let removed = 0
  let to = from
  while (to < set.length && (set[to] as number) < end) {
    const low = set[to] as number
    const high = low + (set[to + 1] as number)
    if (low < first) rest.push(low, first - low)
    if (high > end) rest.push(end, high - end)
    removed += Math.min(high, end) - Math.max(low, first)
    to += 2
  }
  set.splice(from, to - from, ...rest)
  return removed
}

/** Adds every run of a set to another, in place. */
export function addRuns(set: number[], runs: Ranges): void {
  for (let i = 0; i < runs.length; i += 2) addRun(set, runs[i] as number, runs[i + 1] as number)
}

/** Takes every run of a set out of another, in place. Returns how many numbers that took out. */
export function removeRuns(set: number[], runs: Ranges): number {
  let removed = 0
  for (let i = 0; i < runs.length; i += 2) {
    removed += removeRun(set, runs[i] as number, runs[i + 1] as number)
  }
  return removed
}
