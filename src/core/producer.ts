import type { Origin } from './entries.ts'
import type { LedgerId, Millis, NodeId, PeerId } from './ids.ts'
import { chooseVoters, markSilent, type Membership } from './membership.ts'
import type { Fork } from './forks.ts'
import type { Chunk, LedgerInfo, TaskSpec, Voter } from './messages.ts'
import { votedLedger } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { bitsIn, voterIndex } from './quorum.ts'
import { nextId, type Random } from './random.ts'
import { endOf, pushRun } from './ranges.ts'
import { chunkAfter, offsetsOf } from './records.ts'
import { mustRoll, openMs } from './roll.ts'
import { restoreMs, sendStore, storeFirst, type Storing } from './storing.ts'
import { timingAfter, type Timing } from './timing.ts'
import { closeAt } from './voter-compare.ts'
import { onClose, onOpen, onStore } from './voter-store.ts'
import type { VoterState } from './voter.ts'

/** Tasks and payload bytes of one STORE at the most; a single task may be longer. */
export const maxStoreTasks = 512
export const maxStoreBytes = 48 * 1_024

/** A ledger of this process start. */
export interface OwnLedger {
  /** Replaced when the ledger gets other voters. */
  info: LedgerInfo
  /** Voters that have answered OPEN; a bit mask. */
  opened: number
  readonly askedAt: Millis
  /** The next sequence number. */
  next: number
}

/** A publish request until a majority holds all of it. */
export interface PublishRequest {
  readonly request: number
  readonly parts: { ledger: LedgerId; seqs: number[] }[]
  info: LedgerInfo
  open: number
}

/** Tasks that wait for a ledger, and since when. */
export interface Waiting extends Timing {
  readonly request: number
  readonly spec: TaskSpec
  readonly since: Millis
  readonly lengths: Uint32Array
  readonly payload: Uint8Array
  /** Who may run them at once, where they fit one STORE. */
  readonly worker?: NodeId | undefined
  /** Whose request it is, where the same may be asked for again: written down with the tasks. */
  readonly origin?: Origin | undefined
  /** Voters that must hold them before they are published; a majority must in any case. */
  readonly copies?: number | undefined
  /** What they were before; `shift` is that of the first of them as if it had number 0. */
  readonly fork?: Fork | undefined
}

/** Everything a node knows and owes as a producer. */
export interface ProducerState {
  readonly node: NodeId
  readonly self: Voter
  readonly wanted: number
  readonly random: Random
  current: OwnLedger | undefined
  next: OwnLedger | undefined
  /** Nothing gets a number any more, as this node stops. */
  isLeaving: boolean
  readonly waiting: Waiting[]
  /** How long a STORE waits for its answer before it is sent again. */
  restoreMs: Millis
  /** Payload bytes of what waits. */
  waitingBytes: number
  storing: Storing[]
  readonly requests: Map<number, PublishRequest>
  openedAt: Millis
  rolledAt: Millis
  /** When a better set of voters was first seen; Infinity while there is none. */
  betterSince: Millis
  /** Requests that a majority holds now. */
  published: PublishRequest[]
  /** Ledgers with new tasks since the last announcement. */
  readonly fresh: Set<LedgerId>
}

/** No ledgers. */
export function createProducer(
  init: Pick<ProducerState, 'node' | 'self' | 'wanted' | 'random'>,
): ProducerState {
  return {
    ...init,
    current: undefined,
    next: undefined,
    isLeaving: false,
    waiting: [],
    waitingBytes: 0,
    restoreMs,
    storing: [],
    requests: new Map(),
    openedAt: 0,
    rolledAt: -Infinity,
    betterSince: Infinity,
    published: [],
    fresh: new Set(),
  }
}

/** Opens a ledger with the best voters there are. */
export function openLedger(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  now: Millis,
): void {
  const voters = chooseVoters(members, producer.self, producer.wanted, now)
  const ledger = nextId(producer.random)
  const info: LedgerInfo = { ledger, epoch: 0, producer: producer.node, voters }
  producer.next = { info, opened: 0, askedAt: now, next: 0 }
  producer.betterSince = Infinity
  onOpen(voter, outbox, producer.self.peer, { type: 'open', ...info }, now)
  for (const { peer } of voters) {
    if (peer !== producer.self.peer) send(outbox, peer, { type: 'open', ...info })
  }
}

/** A voter has taken up its office; with the last of them the ledger takes tasks. */
export function onOpened(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  ledger: LedgerId,
  now: Millis,
): void {
  const next = producer.next
  if (next?.info.ledger !== ledger) return
  const index = voterIndex(next.info, from)
  if (index >= 0) next.opened |= 1 << index
  if (bitsIn(next.opened) < next.info.voters.length) return
  const old = producer.current
  if (old !== undefined) {
    if (old.next > 0) producer.rolledAt = now
    closeOwn(producer, voter, outbox, old)
  }
  producer.current = next
  producer.next = undefined
  producer.openedAt = now
  const peers = next.info.voters.map(({ peer }) => peer)
  outbox.effects.push({ type: 'report', event: { type: 'ledger-opened', ledger, voters: peers } })
  publishWaiting(producer, voter, outbox, now)
}

/** Numbers what has waited for a ledger. */
function publishWaiting(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  now: Millis,
): void {
  producer.waitingBytes = 0
  for (const waiting of producer.waiting.splice(0)) publish(producer, voter, outbox, waiting, now)
}

function closeOwn(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  own: OwnLedger,
): void {
  const { ledger, epoch, voters } = own.info
  const close = { type: 'close', ledger, epoch, end: own.next } as const
  onClose(voter, outbox, producer.self.peer, close)
  // Between two epochs nobody votes: those who follow are told with what is sealed, or by COMPARE.
  const held = voter.ledgers.get(ledger)
  if (held !== undefined) closeAt(outbox, held, own.next)
  // A number that is not durable here may never be anywhere: nothing ends behind it.
  const { lsn } = outbox
  for (const { peer } of voters) {
    if (peer !== producer.self.peer) send(outbox, peer, close, lsn)
  }
}

/** Its ledgers end before this node stops: nothing gets a number any more, and who follows knows that. */
export function endOwnLedgers(producer: ProducerState, voter: VoterState, outbox: Outbox): void {
  for (const own of [producer.next, producer.current]) {
    if (own !== undefined) closeOwn(producer, voter, outbox, own)
  }
  producer.next = undefined
  producer.current = undefined
  producer.isLeaving = true
}

/** Ledgers of earlier starts of this peer get their end: no number in them is given any more. */
export function closeOldLedgers(producer: ProducerState, voter: VoterState, outbox: Outbox): void {
  const prefix = `${producer.self.peer}.`
  for (const ledger of [...voter.ledgers.values()]) {
    if (!ledger.info.producer.startsWith(prefix) || ledger.end >= 0) continue
    // What is copied of a ledger that others keep need not be all of it.
    if (ledger.office !== 'observer') closeAt(outbox, ledger, endOf(ledger.stored))
  }
}

/** Takes tasks in: numbers them in the open ledger, or keeps them until there is one with enough voters. */
export function publish(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  tasks: Waiting,
  now: Millis,
): void {
  const { current } = producer
  // A number is given only to what is kept here first.
  const votes = current !== undefined && votedLedger(voter, current.info.ledger)?.end === -1
  const fits = votes && current.info.voters.length >= (tasks.copies ?? 0)
  if (fits) return assign(producer, voter, outbox, current, tasks, now)
  producer.waiting.push(tasks)
  producer.waitingBytes += tasks.payload.length
}

function assign(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  own: OwnLedger,
  tasks: Waiting,
  now: Millis,
): void {
  const { info } = own
  const { request, lengths, payload, spec } = tasks
  const seqs: number[] = []
  pushRun(seqs, own.next, lengths.length)
  const known = producer.requests.get(request)
  const entry: PublishRequest = known ?? { request, parts: [], info, open: 0 }
  entry.parts.push({ ledger: info.ledger, seqs })
  producer.requests.set(request, entry)
  const offsets = offsetsOf(lengths)
  const timing = timingAfter(tasks, now - tasks.since)
  for (let at = 0; at < lengths.length;) {
    let to = at + 1
    const from = offsets[at] as number
    while (to < lengths.length && to - at < maxStoreTasks) {
      if ((offsets[to + 1] as number) - from > maxStoreBytes) break
      to += 1
    }
    const bytes = payload.subarray(from, offsets[to])
    const columns = { lengths: lengths.subarray(at, to), payload: bytes }
    const fork = tasks.fork && { ...tasks.fork, shift: tasks.fork.shift - (seqs[0] as number) }
    const chunk: Chunk = { first: own.next, count: to - at, spec, ...timing, ...columns, fork }
    own.next += to - at
    entry.open += 1
    const whole = to - at === lengths.length && timing.delayMs === 0
    const worker = whole ? tasks.worker : undefined
    const { origin, copies } = tasks
    const store = { chunk, request, origin, worker, copies }
    storeFirst(producer, voter, outbox, info, store, now)
    at = to
  }
  const { ledger } = info
  const event = { type: 'published', ledger, seqs, queue: spec.queue } as const
  outbox.effects.push({ type: 'report', event })
}

/** Goes on with what is on its way at the voters of a new epoch. */
export function moveStoring(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  info: LedgerInfo,
  now: Millis,
): void {
  const { current } = producer
  if (current?.info.ledger === info.ledger && current.info.epoch < info.epoch) current.info = info
  const votes = votedLedger(voter, info.ledger)?.info.epoch === info.epoch
  for (const storing of producer.storing) {
    if (storing.info.ledger !== info.ledger || storing.info.epoch > info.epoch) continue
    const { ledger, epoch } = info
    if (votes) {
      const chunks = [chunkAfter(storing.chunk, now - storing.since)]
      const own = { type: 'store', ledger, epoch, fresh: false, chunks } as const
      onStore(voter, outbox, producer.self.peer, own, now)
    }
    if (storing.info.epoch === epoch) continue
    // Only those of one epoch make a majority.
    storing.info = info
    storing.stored = 0
    storing.gone = 0
    storing.sentAt = now
    for (const { peer } of info.voters) sendStore(producer, outbox, storing, peer, now)
  }
  if (votes) publishWaiting(producer, voter, outbox, now)
}

/** Opens, gives up and rolls ledgers as time and the peers at hand ask for it. */
export function tickProducer(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  now: Millis,
): void {
  const { next } = producer
  if (next !== undefined) {
    const gone = next.info.voters.some(({ peer }) => isGone(producer, members, peer))
    if (!gone && now < next.askedAt + openMs) return
    for (const [index, { peer }] of next.info.voters.entries()) {
      const silent = (next.opened & (1 << index)) === 0
      if (silent && (!gone || isGone(producer, members, peer))) markSilent(members, peer, now)
    }
    closeOwn(producer, voter, outbox, next)
    producer.next = undefined
  }
  if (producer.isLeaving) return
  const { current } = producer
  const hasEnded = current !== undefined && voter.ledgers.get(current.info.ledger)?.end !== -1
  if (hasEnded || mustRoll(producer, members, now)) {
    openLedger(producer, voter, outbox, members, now)
  }
}

function isGone(producer: ProducerState, members: Membership, peer: PeerId): boolean {
  return peer !== producer.self.peer && members.peers.get(peer)?.up !== true
}

/** When `tickProducer` or `restore` has something to do at the earliest. */
export function producerWakeAt(producer: ProducerState): Millis {
  let at = Infinity
  if (producer.next !== undefined) at = producer.next.askedAt + openMs
  for (const { sentAt, waitUntil } of producer.storing) {
    at = Math.min(at, waitUntil > 0 ? waitUntil : sentAt + producer.restoreMs)
  }
  return at
}
