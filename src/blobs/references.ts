import type { Entry } from '../core/entries.ts'
import type { LedgerId } from '../core/ids.ts'
import { chunkOfSeq, findPage, type Ledger, valueAt } from '../core/ledger.ts'
import type { Values } from '../core/messages.ts'
import { type Ranges, seqsOf } from '../core/ranges.ts'
import type { Machine } from '../core/state.ts'
import type { BlobHash } from './ports.ts'
import { type BlobReference, decodeBody, isReference } from './reference.ts'

/** A task whose payload or result names a blob. */
export interface NamedBlob {
  readonly ledger: LedgerId
  readonly seq: number
  readonly reference: BlobReference
}

/** Calls back with each reference among the bodies of some columns. */
export function eachReference(
  lengths: Uint32Array,
  bytes: Uint8Array,
  visit: (index: number, reference: BlobReference) => void,
): void {
  let at = 0
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i] as number
    if (isReference(bytes, at, length)) {
      const body = decodeBody(bytes.subarray(at, at + length))
      if (body?.content !== undefined) visit(i, body.content)
      for (const blob of body?.blobs ?? []) visit(i, { kind: 'raw', ...blob })
    }
    at += length
  }
}

/** Calls back with each reference that an entry of the journal brings. */
export function eachNamed(entry: Entry, visit: (named: NamedBlob) => void): void {
  switch (entry.type) {
    case 'stored': {
      const { ledger, chunk } = entry
      eachReference(chunk.lengths, chunk.payload, (i, reference) => {
        visit({ ledger, seq: chunk.first + i, reference })
      })
      break
    }
    case 'accepted':
      for (const values of entry.values) eachResult(entry.ledger, values, visit)
      break
    case 'settled':
      for (const { values } of entry.outcomes) {
        for (const group of values) eachResult(entry.ledger, group, visit)
      }
      break
    default:
      break
  }
}

function eachResult(ledger: LedgerId, values: Values, visit: (named: NamedBlob) => void): void {
  if (values.kind !== 'done') return
  let seqs: number[] | undefined
  eachReference(values.lengths, values.body, (i, reference) => {
    seqs ??= [...seqsOf(values.seqs)]
    visit({ ledger, seq: seqs[i] ?? 0, reference })
  })
}

/** All blobs that the records and results of a ledger name. */
export function referencesIn({ chunks, values }: Ledger): Map<BlobHash, BlobReference> {
  const found = new Map<BlobHash, BlobReference>()
  const visit = (_: number, reference: BlobReference): void => {
    found.set(reference.hash, reference)
  }
  for (const { lengths, payload } of chunks) {
    if (payload !== undefined) eachReference(lengths, payload, visit)
  }
  for (const held of values) {
    if (held?.values.kind === 'done') eachReference(held.values.lengths, held.values.body, visit)
  }
  return found
}

/** Whether this node still keeps the record or the result that names a blob. */
export function isStillNamed(machine: Machine, { ledger, seq }: NamedBlob): boolean {
  const held = machine.voter.ledgers.get(ledger)
  if (held === undefined) return false
  if (chunkOfSeq(held, seq)?.payload !== undefined) return true
  const page = findPage(held, seq)
  return page !== undefined && valueAt(held, page, seq % held.pageTasks) !== undefined
}

/** Columns that are looked through before others have their turn. */
const sliceColumns = 2_000

/** Finds the blobs that the records and results of a node name. */
export class References {
  readonly #machine: Machine
  /** Columns that name none, looked through once: they never change. */
  readonly #clean = new WeakSet<Uint32Array>()

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** Goes through all that is kept, and gives others their turn now and then. */
  async collect(breathe: () => Promise<void>): Promise<Map<BlobHash, NamedBlob>> {
    const found = new Map<BlobHash, NamedBlob>()
    let looked = 0
    for (const { ledger, seqs, lengths, bytes } of this.#columns()) {
      if (++looked % sliceColumns === 0) await breathe()
      if (this.#clean.has(lengths)) continue
      let isClean = true
      let all: readonly number[] | undefined
      eachReference(lengths, bytes, (i, reference) => {
        isClean = false
        all ??= [...seqsOf(seqs)]
        found.set(reference.hash, { ledger, seq: all[i] ?? 0, reference })
      })
      if (isClean) this.#clean.add(lengths)
    }
    return found
  }

  *#columns(): Generator<{
    readonly ledger: LedgerId
    readonly seqs: Ranges
    readonly lengths: Uint32Array
    readonly bytes: Uint8Array
  }> {
    for (const [ledger, { chunks, values }] of this.#machine.voter.ledgers) {
      for (const { first, count, lengths, payload } of chunks) {
        if (payload !== undefined) yield { ledger, seqs: [first, count], lengths, bytes: payload }
      }
      for (const held of values) {
        if (held === undefined || held.values.kind !== 'done') continue
        const { seqs, lengths, body } = held.values
        yield { ledger, seqs, lengths, bytes: body }
      }
    }
  }
}
