import { type DirectGrant, grantDirectly, grantTo } from './direct-grant.ts'
import { type Lsn, type Millis, type PeerId, peerOf } from './ids.ts'
import type { Chunk, LedgerInfo, Stored } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import type { ProducerState, Waiting } from './producer.ts'
import { bitsIn, majorityOf, voterIndex } from './quorum.ts'
import { countOf, intersect, subtract } from './ranges.ts'
import { chunkAfter } from './records.ts'
import { onStore } from './voter-store.ts'
import type { VoterState } from './voter.ts'

/** How long a STORE waits for its answer at least before it is sent again, in milliseconds. */
export const restoreMs = 2_000

/** A chunk on its way to a majority. */
export interface Storing {
  info: LedgerInfo
  /** The tasks, with what was left of their times at `since`. */
  readonly chunk: Chunk
  readonly since: Millis
  readonly request: number
  /** The entry that holds it here: nothing leaves before it is durable. */
  readonly lsn: Lsn
  /** Voters that hold it; a bit mask. */
  stored: number
  /** Voters that know nothing of the ledger any more; a bit mask. */
  gone: number
  sentAt: Millis
  /** A full voter is not asked again before. */
  waitUntil: Millis
  /** Voters that must hold it at least, beyond a majority. */
  readonly copies: number
}

/** Stores a chunk here, and sends it once that is durable, until a majority holds it. */
export function storeFirst(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  info: LedgerInfo,
  {
    chunk,
    request,
    origin,
    worker,
    copies = 0,
  }: Pick<Storing, 'chunk' | 'request'> & Pick<Waiting, 'origin' | 'worker' | 'copies'>,
  now: Millis,
): void {
  const { ledger, epoch } = info
  // The own budget was checked before a number was given.
  const own = { type: 'store', ledger, epoch, fresh: false, chunks: [chunk] } as const
  onStore(voter, outbox, producer.self.peer, own, now, origin)
  const { lsn } = outbox
  const none = { since: now, stored: 0, gone: 0, sentAt: now, waitUntil: 0 }
  const storing: Storing = { info, chunk, request, lsn, copies, ...none }
  producer.storing.push(storing)
  const held = voter.ledgers.get(ledger)
  const direct = held !== undefined && worker !== undefined
  const grant = direct ? grantTo(held, worker, producer.random) : undefined
  const peers = new Set(info.voters.map(({ peer }) => peer))
  if (grant !== undefined) peers.add(peerOf(grant.ballot.proposer))
  for (const peer of peers) sendStore(producer, outbox, storing, peer, now, grant)
  // After the STORE: the worker must know of the claim before it is answered.
  if (grant !== undefined) grantDirectly(voter, outbox, own, grant, [chunk.first, chunk.count], now)
}

/** Tells a voter of a chunk, or the worker that it is granted to. */
export function sendStore(
  producer: ProducerState,
  outbox: Outbox,
  storing: Storing,
  peer: PeerId,
  now: Millis,
  grant?: DirectGrant,
): void {
  const { info, lsn } = storing
  const own = peer === producer.self.peer
  if (own && grant?.ballot.proposer !== producer.node) return
  const { ledger, epoch } = info
  const chunks = [chunkAfter(storing.chunk, now - storing.since)]
  const store = { type: 'store', ledger, epoch, fresh: true, chunks } as const
  // What is stored here already need not be durable for the worker to know of its claim.
  send(outbox, peer, grant === undefined ? store : { ...store, grant }, own ? 0 : lsn)
}

/** Counts who holds the chunks; a majority, or more where more is asked for, makes them published. */
export function onStored(producer: ProducerState, from: PeerId, stored: Stored, now: Millis): void {
  if (producer.storing.length === 0) return
  const rest: Storing[] = []
  const named = [stored.stored, stored.settled, stored.full].filter(seqs => seqs.length > 0)
  const low = Math.min(...named.map(seqs => seqs[0] as number))
  for (const storing of producer.storing) {
    const { info, chunk } = storing
    const same = info.ledger === stored.ledger && info.epoch === stored.epoch
    if (!same || chunk.first + chunk.count <= low) {
      rest.push(storing)
      continue
    }
    const index = voterIndex(info, from)
    const whole = [chunk.first, chunk.count]
    const settled = countOf(intersect(whole, stored.settled))
    const isDecided = index >= 0 && settled === chunk.count
    if (index >= 0) {
      const held = settled + countOf(intersect(whole, stored.stored))
      if (held === chunk.count) noteHolder(producer, storing, index)
      else if (intersect(whole, stored.full).length > 0) storing.waitUntil = now + stored.fullMs
    }
    const needed = Math.max(majorityOf(info.voters.length), storing.copies)
    // What is decided needs no more copies, and others may have forgotten it by now.
    if (bitsIn(storing.stored) < needed && !isDecided) rest.push(storing)
    else finishChunk(producer, storing)
  }
  producer.storing = rest
}

/** Others hear of tasks when a majority holds them: before, a claim would find them missing. */
function noteHolder(producer: ProducerState, storing: Storing, index: number): void {
  const { ledger, voters } = storing.info
  storing.stored |= 1 << index
  if (bitsIn(storing.stored) === majorityOf(voters.length)) producer.fresh.add(ledger)
}

/**
 * A voter knows nothing of a ledger in which tasks are stored again. Once a majority does not, they
 * have ended so long ago that they are forgotten, and nobody will ever store them.
 */
export function onStoringUnknown(
  producer: ProducerState,
  from: PeerId,
  { ledger, epoch }: Pick<LedgerInfo, 'ledger' | 'epoch'>,
): void {
  producer.storing = producer.storing.filter(storing => {
    const { info } = storing
    const index = voterIndex(info, from)
    if (info.ledger !== ledger || info.epoch !== epoch || index < 0) return true
    storing.gone |= 1 << index
    if (bitsIn(storing.gone) < majorityOf(info.voters.length)) return true
    finishChunk(producer, { ...storing, info: { ...info, voters: [] } })
    return false
  })
}

function finishChunk(producer: ProducerState, { request, info }: Storing): void {
  const entry = producer.requests.get(request)
  if (entry === undefined) return
  entry.open -= 1
  entry.info = info
  if (entry.open > 0) return
  producer.requests.delete(request)
  producer.published.push(entry)
}

/** What is settled here needs no more copies: others may have forgotten it, and would take it for new. */
function isSettled(voter: VoterState, { info, chunk }: Storing): boolean {
  const held = voter.ledgers.get(info.ledger)
  if (held === undefined) return voter.retention.retired.has(info.ledger)
  return subtract([chunk.first, chunk.count], held.settled).length === 0
}

/** Sends again what a voter has not answered: at once to one that is back, else when late. */
export function restore(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  now: Millis,
  only?: PeerId,
): void {
  const over = new Set<Storing>()
  for (const storing of producer.storing) {
    if (now < storing.waitUntil) continue
    const full = storing.waitUntil > 0
    const late = now >= storing.sentAt + producer.restoreMs || full
    if (only === undefined && !late) continue
    if (isSettled(voter, storing)) {
      over.add(storing)
      continue
    }
    if (only === undefined) {
      storing.sentAt = now
      storing.waitUntil = 0
    }
    for (const [index, { peer }] of storing.info.voters.entries()) {
      if (only !== undefined && peer !== only) continue
      if ((storing.stored & (1 << index)) === 0 && up.has(peer)) {
        sendStore(producer, outbox, storing, peer, now)
      }
    }
  }
  if (over.size === 0) return
  producer.storing = producer.storing.filter(storing => !over.has(storing))
  for (const storing of over) finishChunk(producer, storing)
}
