import type { LedgerId, Millis, PeerId } from './ids.ts'
import { peerOf } from './ids.ts'
import { chunkOfSeq, findPage, type Ledger, valueAt } from './ledger.ts'
import { leaseAt } from './lease.ts'
import type { Machine, TaskState, TaskView } from './state.ts'
import { livePeers, majorityIsHere } from './membership.ts'
import type { TaskSpec, Values } from './messages.ts'
import { votedLedger } from './office.ts'
import { use } from './usage.ts'
import { hintedCount } from './hints.ts'
import { contains, countOf } from './ranges.ts'
import { columnsOf } from './records.ts'
import { CANCELLED, DONE, FAILED, OPEN } from './registers.ts'
import { sliceValues } from './values.ts'

/** A peer as users see it. */
export interface PeerView {
  readonly peer: PeerId
  readonly incarnation: string
  readonly guest: boolean
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly addresses: readonly string[]
  readonly up: boolean
}

/** What this node knows of a task; undefined if it has never heard of it. */
export function viewTask(
  machine: Machine,
  ledger: LedgerId,
  seq: number,
  now: Millis,
): TaskView | undefined {
  const held = machine.voter.ledgers.get(ledger)
  const page = held === undefined ? undefined : findPage(held, seq)
  const slot = held === undefined ? 0 : seq % held.pageTasks
  const spec = held?.specs[(page?.spec[slot] ?? 0) - 1]
  const expired = viewCollected(machine, ledger, seq, spec)
  if (expired !== undefined) return expired
  if (held === undefined || page === undefined || spec === undefined) return undefined
  if ((page.state[slot] as number) <= OPEN && isBehind(machine, held)) return undefined
  const state = stateFor(machine, held, seq, page.state[slot] as number)
  const chunk = chunkOfSeq(held, seq)
  const values = valueAt(held, page, slot)
  const lease = leaseAt(machine.voter.leases, page.lease[slot] as number)
  const payload = chunk === undefined ? undefined : columnsOf(chunk, seq, 1)?.payload
  return {
    ledger,
    seq,
    state,
    spec,
    failures: values?.failures ?? 0,
    grants: page.grants[slot] as number,
    holder: lease === undefined ? undefined : peerOf(lease.holder),
    dueMs: state === 'delayed' ? dueMs(held, seq, now) : 0,
    ageMs: Math.max(0, now - (chunk?.publishedAt ?? now)),
    payload,
    outcome: outcomeOf(machine, ledger, seq),
    expired: false,
  }
}

/** Whether this node keeps a copy of a ledger whose voters are there to say how it stands. */
export function isBehind({ members, voter }: Machine, { office, info }: Ledger): boolean {
  return office === 'observer' && majorityIsHere(members, voter, info.voters)
}

/** What is left of a task whose outcome is not kept any more; undefined if it is no such task. */
function viewCollected(
  { voter }: Machine,
  ledger: LedgerId,
  seq: number,
  spec = noSpec,
): TaskView | undefined {
  const collected = (voter.ledgers.get(ledger) ?? voter.retention.retired.get(ledger))?.collected
  const state = (['done', 'failed', 'cancelled'] as const).find(kind =>
    contains(collected?.[kind] ?? [], seq),
  )
  if (state === undefined) return undefined
  const none = { failures: 0, grants: 0, holder: undefined, dueMs: 0, ageMs: 0 }
  const gone = { payload: undefined, outcome: undefined, expired: true }
  return { ledger, seq, state, spec, ...none, ...gone }
}

/** What is known of how a task was to be run when that is forgotten. */
const noSpec: TaskSpec = {
  queue: '',
  priority: 0,
  requires: '',
  attempts: 0,
  backoff: 'fixed',
  backoffMs: 0,
  backoffMaxMs: 0,
  timeoutMs: 0,
  resultTtlMs: 0,
}

function stateFor(machine: Machine, ledger: Ledger, seq: number, state: number): TaskState {
  if (state === DONE) return 'done'
  if (state === FAILED) return 'failed'
  if (state === CANCELLED) return 'cancelled'
  const page = findPage(ledger, seq)
  const slot = seq % ledger.pageTasks
  if (leaseAt(machine.voter.leases, page?.lease[slot] ?? 0) !== undefined) return 'running'
  const spec = (page?.spec[slot] ?? 0) - 1
  const due = contains(ledger.ready[spec] ?? [], seq)
  const waits = ledger.delayed.some(({ first, count }) => first <= seq && seq < first + count)
  return !due && waits ? 'delayed' : 'pending'
}

function dueMs(ledger: Ledger, seq: number, now: Millis): number {
  const delayed = ledger.delayed.find(({ first, count }) => first <= seq && seq < first + count)
  return Math.max(0, Math.ceil((delayed?.at ?? now) - now))
}

/** The decided outcome of one task, if this node knows it. */
export function outcomeOf(machine: Machine, ledger: LedgerId, seq: number): Values | undefined {
  const held = machine.voter.ledgers.get(ledger)
  const page = held === undefined ? undefined : findPage(held, seq)
  if (held === undefined || page === undefined) return undefined
  const slot = seq % held.pageTasks
  if ((page.state[slot] as number) <= OPEN) return undefined
  const values = valueAt(held, page, slot)
  return values === undefined ? undefined : sliceValues(values, [seq, 1])
}

/** The peers that this node is connected with. */
export function peersOf(machine: Machine): PeerView[] {
  const views: PeerView[] = []
  for (const { peer, hello } of livePeers(machine.members)) {
    const { incarnation, guest, queues, concurrency, addresses } = hello
    views.push({ peer, incarnation, guest, queues, concurrency, addresses, up: true })
  }
  return views
}

/** Whether this node votes in a ledger. */
export function hasLedger(machine: Machine, ledger: LedgerId): boolean {
  return votedLedger(machine.voter, ledger) !== undefined
}

/** Figures for an operator. */
export function metricsOf(machine: Machine): Record<string, number> {
  let open = 0
  let settled = 0
  for (const ledger of machine.voter.ledgers.values()) {
    settled += countOf(ledger.settled)
    open += countOf(ledger.stored) - countOf(ledger.settled)
  }
  const { live } = use(machine.proposer)
  return {
    peers: peersOf(machine).length,
    ledgers: machine.voter.ledgers.size,
    openTasks: open,
    settledTasks: settled,
    hintedTasks: hintedCount(machine.announce.hints),
    leases: machine.voter.leases.byId.size,
    claimedTasks: live,
    duplicates: machine.proposer.duplicates,
    keptBytes: machine.voter.bytes,
    journalLsn: machine.outbox.lsn,
    durableLsn: machine.outbox.durable,
  }
}
