import type { LedgerId, Millis } from './ids.ts'
import { recordsOf } from './ledger-records.ts'
import type { Chunk } from './messages.ts'
import { begunInfo, knownInfo } from './office.ts'
import { storeFirst } from './storing.ts'
import { type Ranges, subtract } from './ranges.ts'
import { sliceChunk } from './records.ts'
import type { Machine } from './state.ts'

/** Tasks that a request has been given numbers for. */
export interface Numbered {
  readonly ledger: LedgerId
  readonly seqs: Ranges
  /** Voters that must hold them, beyond a majority; 0 for no more. */
  readonly copies: number
  /** The tasks as they are given again. */
  readonly given: readonly Chunk[]
}

/**
 * An earlier process start has numbered tasks for a request that is made again: whether a majority
 * holds them must be seen once more.
 */
export function republish(
  { producer, voter, outbox }: Pick<Machine, 'producer' | 'voter' | 'outbox'>,
  request: number,
  { ledger, seqs, copies, given }: Numbered,
  now: Millis,
): void {
  const held = voter.ledgers.get(ledger)
  const known = knownInfo(voter, ledger)
  const open = known === undefined ? [] : subtract(seqs, held?.settled ?? [])
  const chunks = held === undefined ? [] : recordsOf(held, open, now)
  // What others keep by now may never have come to them: whoever asks has it still.
  const [first = 0] = seqs
  const missing = subtract(open, held?.stored ?? [])
  for (const chunk of given) {
    const all = { ...chunk, first }
    for (let i = 0; i < missing.length; i += 2) {
      chunks.push(sliceChunk(all, missing[i] as number, missing[i + 1] as number))
    }
  }
  const none = { ledger, epoch: 0, producer: producer.node, voters: [] }
  const info = known ?? none
  const entry = { request, parts: [{ ledger, seqs: [...seqs] }], info, open: chunks.length }
  if (chunks.length === 0) {
    const begun = begunInfo(voter, ledger)
    // How many of the voters that have followed hold the outcomes by now is not known here.
    const sure = begun === undefined || begun.epoch > 0 ? none : begun
    producer.published.push({ ...entry, info: sure })
    return
  }
  producer.requests.set(request, entry)
  for (const chunk of chunks) {
    storeFirst(producer, voter, outbox, info, { chunk, request, copies }, now)
  }
}
