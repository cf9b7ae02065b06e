import type { LedgerId, Millis } from './ids.ts'
import { recordsOf } from './ledger-records.ts'
import { knownInfo } from './office.ts'
import { storeFirst } from './producer.ts'
import { type Ranges, subtract } from './ranges.ts'
import type { Machine } from './state.ts'

/**
 * An earlier process start has numbered tasks for a request that is made again: whether a majority
 * holds them must be seen once more.
 */
export function republish(
  { producer, voter, outbox }: Pick<Machine, 'producer' | 'voter' | 'outbox'>,
  request: number,
  {
    ledger,
    seqs,
    copies,
  }: { readonly ledger: LedgerId; readonly seqs: Ranges; readonly copies: number },
  now: Millis,
): void {
  const held = voter.ledgers.get(ledger)
  const open = held === undefined ? [] : subtract(seqs, held.settled)
  const chunks = held === undefined ? [] : recordsOf(held, open, now)
  const none = { ledger, epoch: 0, producer: producer.node, voters: [] }
  const info = knownInfo(voter, ledger) ?? none
  const entry = { request, parts: [{ ledger, seqs: [...seqs] }], info, open: chunks.length }
  if (chunks.length === 0) {
    producer.published.push(entry)
    return
  }
  producer.requests.set(request, entry)
  for (const chunk of chunks) {
    storeFirst(producer, voter, outbox, info, { chunk, request, copies }, now)
  }
}
