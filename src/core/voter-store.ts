import type { Origin } from './entries.ts'
import { grantDirectly } from './direct-grant.ts'
import { noteFork } from './forks.ts'
import type { Lsn, Millis, PeerId } from './ids.ts'
import { peerOf } from './ids.ts'
import { addRun, addRuns } from './intervals.ts'
import {
  chunkOfSeq,
  createLedger,
  type Ledger,
  makeReady,
  pageOf,
  specAt,
  stateAt,
} from './ledger.ts'
import type { Chunk, CloseLedger, OpenLedger, Store } from './messages.ts'
import { watchLimits } from './limits.ts'
import { ledgerIn, votingIn } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { voterIndex } from './quorum.ts'
import { countOf, eachSeq, intersect, pushRun, type Ranges, subtract } from './ranges.ts'
import { columnsOf, holdChunk, insertChunk, sameBytes, sliceChunk, specKey } from './records.ts'
import { ABSENT, OPEN } from './registers.ts'
import { makeRoom } from './retention.ts'
import { closeAt, isFellow } from './voter-compare.ts'
import type { VoterState } from './voter.ts'

/** How long a full voter asks a producer to wait, in milliseconds. */
export const fullWaitMs = 500

/** The most ledgers that a voter keeps for one producer, so that nobody can exhaust it. */
export const maxLedgersPerProducer = 1_024

/** Takes up the office of a voter in a new ledger. The sender must be the living producer. */
export function onOpen(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  open: OpenLedger,
  now: Millis,
): void {
  const { ledger: id, epoch, producer, voters } = open
  const info = { ledger: id, epoch, producer, voters }
  const index = voterIndex(info, voter.peer)
  let ledger = voter.ledgers.get(id)
  const known = ledger !== undefined
  // A late OPEN must not make a voter of the first epoch of one that others have followed.
  const moved = voter.moved.has(id) || (known && ledgerIn(voter, id, epoch) === undefined)
  // Where nothing is left of a ledger it must not begin anew: its votes were counted.
  const over = moved || voter.retention.retired.has(id)
  const same = !over && (ledger === undefined || ledger.info.producer === producer)
  const mine = index >= 0 && voters[index]?.storageId === voter.storageId
  if (!same || !mine || (!known && ledgersOf(voter, from) >= maxLedgersPerProducer)) {
    send(outbox, from, { type: 'unknown-ledger', ledger: id, epoch })
    return
  }
  if (ledger === undefined) {
    const openedWallMs = Math.round(now + voter.wallOffsetMs)
    const lsn = persist(outbox, { type: 'opened', ...info, openedWallMs })
    ledger = createLedger(info, index, voter.pageTasks, lsn)
    ledger.openedAt = now
    voter.ledgers.set(id, ledger)
  }
  send(outbox, from, { type: 'opened', ledger: id, epoch }, ledger.openedLsn)
}

/** How many ledgers of a producer are held here. */
export function ledgersOf(voter: VoterState, producer: PeerId): number {
  let count = 0
  for (const { info } of voter.ledgers.values()) if (peerOf(info.producer) === producer) count += 1
  return count
}

/** Forbids sequence numbers from the producer's end on. */
export function onClose(voter: VoterState, outbox: Outbox, from: PeerId, close: CloseLedger): void {
  const { ledger: id, epoch, end } = close
  const ledger = votingIn(voter, outbox, from, close)
  if (ledger === undefined) return
  const allowed = peerOf(ledger.info.producer) === from || isFellow(ledger, from)
  if (!allowed) return
  closeAt(outbox, ledger, end)
  // Only a producer that has never given a number in it says so. Where others have followed there are
  // tasks, though this voter may have none yet.
  if (ledger.end === 0 && epoch === 0) voter.ledgers.delete(id)
  send(outbox, from, { type: 'closed', ledger: id, epoch }, outbox.lsn)
}

/** Answers a STORE: keeps the records that it lacks. */
export function onStore(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  store: Store,
  now: Millis,
  origin?: Origin,
): void {
  const ledger = votingIn(voter, outbox, from, store)
  if (ledger === undefined) return
  const { epoch } = store
  const stored: number[] = []
  const settled: number[] = []
  const conflict: number[] = []
  const full: number[] = []
  const taken: number[] = []
  let lsn = ledger.openedLsn
  for (const chunk of store.chunks) {
    const asked = [chunk.first, chunk.count]
    const held = intersect(asked, ledger.stored)
    if (held.length > 0)
      lsn = Math.max(lsn, checkHeld(ledger, chunk, held, { stored, settled, conflict }))
    let lacking = subtract(asked, ledger.stored)
    if (ledger.end >= 0) {
      const beyond = intersect(lacking, [ledger.end, 2 ** 31])
      addRuns(conflict, beyond)
      lacking = subtract(lacking, beyond)
    }
    if (lacking.length === 0) continue
    if (store.fresh && !makeRoom(voter, outbox, chunk.payload.length)) {
      addRuns(full, lacking)
      continue
    }
    const last = keepRecords(voter, outbox, ledger, chunk, lacking, now, origin)
    if (last === undefined) addRuns(full, lacking)
    else {
      addRuns(stored, lacking)
      addRuns(taken, lacking)
      lsn = Math.max(lsn, last)
    }
  }
  const { counter } = ledger
  const fullMs = full.length > 0 ? fullWaitMs : 0
  send(
    outbox,
    from,
    {
      type: 'stored',
      ledger: store.ledger,
      epoch,
      counter,
      stored,
      settled,
      conflict,
      full,
      fullMs,
    },
    lsn,
  )
  const { grant, fresh } = store
  if (grant === undefined || !fresh || taken.length === 0) return
  if (peerOf(ledger.info.producer) === from) grantDirectly(voter, outbox, store, grant, taken, now)
}

/** Sorts tasks that are held into settled ones, equal ones and others. Returns their last lsn. */
function checkHeld(
  ledger: Ledger,
  chunk: Chunk,
  held: Ranges,
  verdict: { stored: number[]; settled: number[]; conflict: number[] },
): Lsn {
  let lsn = 0
  eachSeq(held, seq => {
    if (stateAt(ledger, seq) > OPEN) {
      addRun(verdict.settled, seq, 1)
      return
    }
    const mine = chunkOfSeq(ledger, seq)
    if (mine === undefined) return
    lsn = Math.max(lsn, mine.lsn)
    const a = columnsOf(mine, seq, 1)
    const b = sliceChunk(chunk, seq, 1)
    const same =
      a !== undefined &&
      sameBytes(a.payload, b.payload) &&
      specKey(mine.spec) === specKey(chunk.spec)
    addRun(same ? verdict.stored : verdict.conflict, seq, 1)
  })
  return lsn
}

/** Keeps the records of tasks that are held by nobody here. Returns their last lsn. */
export function keepRecords(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  chunk: Chunk,
  lacking: Ranges,
  now: Millis,
  origin: Origin | undefined,
): Lsn | undefined {
  if (specAt(ledger, chunk.spec) < 0) return undefined
  let lsn = 0
  for (let i = 0; i < lacking.length; i += 2) {
    const part = sliceChunk(chunk, lacking[i] as number, lacking[i + 1] as number)
    const wall = Math.round(now + voter.wallOffsetMs)
    lsn = persist(outbox, {
      type: 'stored',
      ledger: ledger.info.ledger,
      dueWallMs: wall + part.delayMs,
      publishedWallMs: wall - part.ageMs,
      chunk: part,
      origin,
    })
    holdRecords(voter, ledger, part, lsn, now)
  }
  return lsn
}

/** Opens the registers of a chunk of records. */
export function holdRecords(
  voter: VoterState,
  ledger: Ledger,
  chunk: Chunk,
  lsn: Lsn,
  now: Millis,
): void {
  const { first, count } = chunk
  const spec = specAt(ledger, chunk.spec)
  addRun(ledger.stored, first, count)
  ledger.changed = true
  const open: number[] = []
  for (let seq = first; seq < first + count; seq++) {
    const page = pageOf(ledger, seq)
    const slot = seq % ledger.pageTasks
    page.spec[slot] = spec + 1
    if (stateAt(ledger, seq) === ABSENT) {
      page.state[slot] = OPEN
      pushRun(open, seq, 1)
    }
  }
  const held = holdChunk(chunk, now, lsn)
  held.open = countOf(open)
  if (held.open === 0) held.payload = undefined
  else voter.bytes += chunk.payload.length
  if (chunk.fork !== undefined) noteFork(voter, ledger.info.ledger, chunk, chunk.fork)
  insertChunk(ledger.chunks, held)
  for (let i = 0; i < open.length; i += 2) {
    const dueAt = now + chunk.delayMs
    makeReady(ledger, spec, open[i] as number, open[i + 1] as number, dueAt, now)
    watchLimits(ledger, held, open[i] as number, open[i + 1] as number)
  }
}
