import type { Ballot } from './ballot.ts'
import type { LedgerId, Millis, NodeId } from './ids.ts'
import { addRuns, removeRuns } from './intervals.ts'
import { findPage, type Ledger, type Ledgers, makeReady, makeUnready, pageOf } from './ledger.ts'
import { mix } from './random.ts'
import { eachSeq, countOf, pushRun, type Ranges } from './ranges.ts'
import { OPEN } from './registers.ts'

/** The tasks of one claim that its holder has a lease on at this voter. */
export interface Lease {
  readonly id: number
  readonly ledger: LedgerId
  readonly holder: NodeId
  readonly claimId: number
  readonly ballot: Ballot
  readonly seqs: number[]
  until: Millis
  /** Nobody has said yet that a majority granted it: no beat of the session renews it. */
  tentative: boolean
}

/** A lease that ran out, until a beat of its holder tells whether the run had ended. */
export interface LapsedLease {
  readonly ledger: LedgerId
  readonly claimId: number
  readonly ballot: Ballot
  readonly seqs: Ranges
}

/** What one worker incarnation holds at this voter. */
export interface Session {
  readonly leases: Map<number, Lease>
  lapsed: LapsedLease[]
  /** The last beat that was heard: what an older one says is over. */
  beat: number
}

/** Every lease that one voter has granted. */
export interface Leases {
  readonly byId: Map<number, Lease>
  readonly sessions: Map<NodeId, Session>
  nextId: number
  /** No lease ends before. */
  lapseAt: Millis
}

/** The most ended leases that a voter remembers per worker; older ones are not refunded. */
export const maxLapsed = 256

/** No leases. */
export function createLeases(): Leases {
  return { byId: new Map(), sessions: new Map(), nextId: 1, lapseAt: Infinity }
}

/** The session of a worker, made if it is missing. */
export function sessionOf(leases: Leases, holder: NodeId): Session {
  let session = leases.sessions.get(holder)
  if (session === undefined) {
    leases.sessions.set(holder, (session = { leases: new Map(), lapsed: [], beat: 0 }))
  }
  return session
}

/** Leases tasks that nobody holds. */
export function grantLease(
  leases: Leases,
  ledger: Ledger,
  grant: Pick<Lease, 'holder' | 'claimId' | 'ballot' | 'until' | 'tentative'>,
  seqs: Ranges,
): void {
  const session = sessionOf(leases, grant.holder)
  let lease = session.leases.get(grant.claimId)
  if (lease === undefined || lease.ledger !== ledger.info.ledger) {
    if (lease !== undefined) dropLease(leases, lease)
    lease = { id: leases.nextId++, ledger: ledger.info.ledger, seqs: [], ...grant }
    session.leases.set(grant.claimId, lease)
    leases.byId.set(lease.id, lease)
  }
  addRuns(lease.seqs, seqs)
  leases.lapseAt = Math.min(leases.lapseAt, lease.until)
  eachSeq(seqs, seq => {
    const page = pageOf(ledger, seq)
    page.lease[seq % ledger.pageTasks] = lease.id
  })
  eachSpecRun(ledger, seqs, (spec, first, count) => makeUnready(ledger, spec, first, count))
}

/** The live lease of a register. */
export function leaseAt(leases: Leases, id: number): Lease | undefined {
  return id === 0 ? undefined : leases.byId.get(id)
}

/** Ends the lease of tasks that stay unready, because they are settled or not due. */
export function clearLease(leases: Leases, ledger: Ledger, seqs: Ranges): void {
  let lease: Lease | undefined
  const freed: number[] = []
  const flush = () => {
    if (lease !== undefined) shrinkLease(leases, lease, freed)
    freed.length = 0
  }
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    const id = page?.lease[slot] ?? 0
    if (page === undefined || id === 0) return
    page.lease[slot] = 0
    if (lease?.id !== id) {
      flush()
      lease = leases.byId.get(id)
    }
    pushRun(freed, seq, 1)
  })
  flush()
}

function shrinkLease(leases: Leases, lease: Lease, seqs: Ranges): void {
  removeRuns(lease.seqs, seqs)
  if (lease.seqs.length === 0) dropLease(leases, lease)
}

function dropLease(leases: Leases, lease: Lease): void {
  leases.byId.delete(lease.id)
  const session = leases.sessions.get(lease.holder)
  if (session?.leases.get(lease.claimId) !== lease) return
  session.leases.delete(lease.claimId)
  if (session.leases.size === 0 && session.lapsed.length === 0) {
    leases.sessions.delete(lease.holder)
  }
}

/** Ends leases and offers their tasks again. */
export function endLease(leases: Leases, ledgers: Ledgers, lease: Lease, now: Millis): void {
  const ledger = ledgers.get(lease.ledger)
  const seqs = [...lease.seqs]
  if (ledger !== undefined) {
    clearLease(leases, ledger, seqs)
    offer(ledger, seqs, now)
  }
  dropLease(leases, lease)
}

/** Offers open tasks that nobody holds. */
export function offer(ledger: Ledger, seqs: Ranges, now: Millis): void {
  const free: number[] = []
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page?.state[slot] === OPEN && page.lease[slot] === 0) pushRun(free, seq, 1)
  })
  eachSpecRun(ledger, free, (spec, first, count) => makeReady(ledger, spec, first, count, 0, now))
}

/** Ends what has run out by `now`. */
export function lapseLeases(leases: Leases, ledgers: Ledgers, now: Millis): void {
  if (now < leases.lapseAt) return
  let next = Infinity
  for (const lease of [...leases.byId.values()]) {
    if (lease.until > now) {
      next = Math.min(next, lease.until)
      continue
    }
    const { ledger, claimId, ballot } = lease
    const session = sessionOf(leases, lease.holder)
    if (session.lapsed.length >= maxLapsed) session.lapsed.shift()
    session.lapsed.push({ ledger, claimId, ballot, seqs: [...lease.seqs] })
    endLease(leases, ledgers, lease, now)
  }
  leases.lapseAt = next
}

/** Ends all leases of a worker that is gone, without a refund. */
export function endSession(leases: Leases, ledgers: Ledgers, holder: NodeId, now: Millis): void {
  const session = leases.sessions.get(holder)
  if (session === undefined) return
  for (const lease of [...session.leases.values()]) endLease(leases, ledgers, lease, now)
  leases.sessions.delete(holder)
}

/** Leases of one ledger. */
export function leasesOf(leases: Leases, ledger: LedgerId): Lease[] {
  return [...leases.byId.values()].filter(lease => lease.ledger === ledger)
}

/** Keeps the leases of a ledger as they are: no time ends them and no beat renews them. */
export function freezeLeases(leases: Leases, ledger: LedgerId): void {
  for (const lease of leasesOf(leases, ledger)) {
    lease.until = Infinity
    const session = leases.sessions.get(lease.holder)
    if (session?.leases.get(lease.claimId) === lease) session.leases.delete(lease.claimId)
  }
}

/** Calls back for each run of tasks that have one known spec. */
export function eachSpecRun(
  ledger: Ledger,
  seqs: Ranges,
  run: (spec: number, first: number, count: number) => void,
): void {
  for (let i = 0; i < seqs.length; i += 2) {
    const end = (seqs[i] as number) + (seqs[i + 1] as number)
    let first = seqs[i] as number
    let spec = specOf(ledger, first)
    for (let seq = first + 1; seq <= end; seq++) {
      const next = seq < end ? specOf(ledger, seq) : -1
      if (seq < end && next === spec) continue
      if (spec > 0) run(spec - 1, first, seq - first)
      first = seq
      spec = next
    }
  }
}

function specOf(ledger: Ledger, seq: number): number {
  return findPage(ledger, seq)?.spec[seq % ledger.pageTasks] ?? 0
}

/** Sums up leases so that voter and worker can see whether they mean the same ones. */
export function sessionDigest(
  leases: Iterable<{ readonly claimId: number; readonly count: number }>,
): { held: number; digest: number } {
  let held = 0
  let digest = 0
  for (const { claimId, count } of leases) {
    held += count
    digest = (digest + mix(claimId, count)) >>> 0
  }
  return { held, digest }
}

/** What a voter counts a worker to hold, once `confirmed` claims are no longer tentative. */
export function heldIn(session: Session): { held: number; digest: number } {
  const firm = [...session.leases.values()].filter(lease => !lease.tentative)
  return sessionDigest(firm.map(lease => ({ claimId: lease.claimId, count: countOf(lease.seqs) })))
}
