import type { Claiming } from './claim.ts'
import type { LedgerId, Lsn, Millis } from './ids.ts'
import { chunkOfSeq } from './ledger.ts'
import { recordLsn, recordsOf } from './ledger-records.ts'
import type { Chunk, TaskSpec } from './messages.ts'
import type { ProposerState } from './proposer.ts'
import { contains, intersect, type Ranges, subtract } from './ranges.ts'
import { chunkAfter, sliceChunk } from './records.ts'

/** Keeps records that a voter has given. */
export function addRecords(claiming: Claiming, chunks: readonly Chunk[], now: Millis): void {
  if (chunks.length === 0) return
  claiming.chunks = [...agedRecords(claiming, now), ...chunks]
  claiming.chunksAt = now
}

/** Keeps all that is here of the records of a claim, also what the voter of this node may forget. */
export function gatherRecords(proposer: ProposerState, claiming: Claiming, now: Millis): void {
  claiming.chunks = recordsFor(proposer, claiming, claiming.seqs, now)
  claiming.chunksAt = now
}

function agedRecords({ chunks, chunksAt }: Claiming, now: Millis): readonly Chunk[] {
  return now > chunksAt ? chunks.map(chunk => chunkAfter(chunk, now - chunksAt)) : chunks
}

/** Records of tasks from the voter of this node or from those that came with grants. */
export function recordsFor(
  proposer: ProposerState,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): Chunk[] {
  const ledger = proposer.voter?.ledgers.get(claiming.info.ledger)
  const found = ledger === undefined ? [] : recordsOf(ledger, seqs, now)
  let rest: Ranges = seqs
  for (const chunk of found) rest = subtract(rest, [chunk.first, chunk.count])
  for (const chunk of rest.length === 0 ? [] : agedRecords(claiming, now)) {
    const both = intersect(rest, [chunk.first, chunk.count])
    for (let i = 0; i < both.length; i += 2) {
      found.push(sliceChunk(chunk, both[i] as number, both[i + 1] as number))
    }
    rest = subtract(rest, both)
  }
  return found.filter(chunk => contains(seqs, chunk.first))
}

/**
 * The entry that others must not hear of some tasks before: were the producer's own record lost, it
 * would end its ledger before tasks that others have.
 */
export function toldAfter(proposer: ProposerState, ledger: LedgerId, seqs: Ranges): Lsn {
  const held = proposer.voter?.ledgers.get(ledger)
  return held === undefined ? 0 : recordLsn(held, seqs)
}

/** The spec of a task that this node has claimed. */
export function specOfTask(
  proposer: ProposerState,
  claiming: Claiming,
  seq: number,
): TaskSpec | undefined {
  const ledger = proposer.voter?.ledgers.get(claiming.info.ledger)
  const held = ledger === undefined ? undefined : chunkOfSeq(ledger, seq)
  if (held !== undefined) return held.spec
  return claiming.chunks.find(chunk => chunk.first <= seq && seq < chunk.first + chunk.count)?.spec
}
