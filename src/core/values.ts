import type { OutcomeKind, Values } from './messages.ts'
import { offsetsOf } from './records.ts'
import { countOf, eachSeq, intersect, pushRun, type Ranges } from './ranges.ts'
import { CANCELLED, DONE, FAILED } from './registers.ts'

/** Nothing, as the body of a value. */
export const noBytes = new Uint8Array(0)

/** Whether values are final, for they are outcomes. */
export function isTerminal(values: Values): values is Values & { kind: OutcomeKind } {
  return values.kind !== 'pending'
}

/** The register state that an outcome leads to. */
export function stateOf(kind: OutcomeKind): number {
  if (kind === 'done') return DONE
  return kind === 'failed' ? FAILED : CANCELLED
}

/** The outcome that a register state stands for. */
export function kindOf(state: number): OutcomeKind {
  if (state === DONE) return 'done'
  return state === FAILED ? 'failed' : 'cancelled'
}

/** The part of some values that concerns `seqs`, all of which must be among them. */
export function sliceValues(values: Values, seqs: Ranges): Values {
  const count = countOf(seqs)
  if (count === values.lengths.length) return values
  const offsets = offsetsOf(values.lengths)
  const lengths = new Uint32Array(count)
  const parts: Uint8Array[] = []
  let at = 0
  let bytes = 0
  for (let i = 0; i < seqs.length; i += 2) {
    const length = seqs[i + 1] as number
    const from = positionIn(values.seqs, seqs[i] as number)
    for (let k = 0; k < length; k++) lengths[at++] = values.lengths[from + k] as number
    const part = values.body.subarray(offsets[from], offsets[from + length])
    parts.push(part)
    bytes += part.length
  }
  return { ...values, seqs, lengths, body: joinBytes(parts, bytes) }
}

/** The part of some values whose tasks are in `seqs`; undefined if there is none. */
export function pickValues(values: Values, seqs: Ranges): Values | undefined {
  const both = intersect(values.seqs, seqs)
  return both.length === 0 ? undefined : sliceValues(values, both)
}

/** How many numbers of a set lie below `seq`, which must be in it. */
export function positionIn(ranges: Ranges, seq: number): number {
  let before = 0
  for (let i = 0; i < ranges.length; i += 2) {
    const first = ranges[i] as number
    const count = ranges[i + 1] as number
    if (seq < first + count) return before + seq - first
    before += count
  }
  return before
}

/** One byte string from several. */
export function joinBytes(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array
  const all = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** The same body for each of some tasks. */
export function repeatValue(
  value: Omit<Values, 'seqs' | 'lengths' | 'body'>,
  seqs: Ranges,
  body: Uint8Array,
): Values {
  const count = countOf(seqs)
  const lengths = new Uint32Array(count).fill(body.length)
  const bodies = new Uint8Array(count * body.length)
  for (let i = 0; i < count; i++) bodies.set(body, i * body.length)
  return { ...value, seqs, lengths, body: bodies }
}

/** Groups the numbers of a set by a key of each: one set per key, in order of appearance. */
export function groupRuns<Key>(seqs: Ranges, keyOf: (seq: number) => Key): Map<Key, number[]> {
  const groups = new Map<Key, number[]>()
  let last: Key | undefined
  let group: number[] | undefined
  eachSeq(seqs, seq => {
    const key = keyOf(seq)
    // Neighbours nearly always have the same key.
    if (group === undefined || key !== last) {
      group = groups.get(key)
      if (group === undefined) groups.set(key, (group = []))
      last = key
    }
    pushRun(group, seq, 1)
  })
  return groups
}
