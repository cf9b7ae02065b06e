import type { Invite, State } from './change-messages.ts'
import type { Millis, PeerId } from './ids.ts'
import { observe } from './join.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerInfo } from './messages.ts'
import { takePart } from './merge.ts'
import { latestInfo } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { hasMajority } from './quorum.ts'
import { heldFrom } from './state-part.ts'
import { closeAt } from './voter-compare.ts'
import { tellRetired } from './tell-collected.ts'
import type { VoterState } from './voter.ts'

/** How long a voter has to give a part before another one is asked, in milliseconds. */
const partMs = 2_000

/** How often a copy is brought up to date, in milliseconds. */
export const copyEveryMs = 10_000

/** How long a copy is kept without being asked for, in milliseconds. */
const keepCopyMs = 120_000

/** The most ledgers that a storage keeps copies of, so that nobody can exhaust it. */
const maxCopies = 4_096

/** A ledger that this storage keeps a copy of, and what is under way to bring it up to date. */
export interface Copy {
  /** Who has the ledger now. */
  info: LedgerInfo
  /** Who has been asked for the next part, from where on; '' for nobody. */
  source: PeerId
  from: number
  /** When a part was asked for, or the copy was last up to date. */
  at: Millis
  /** When it was last asked for. */
  invitedAt: Millis
  /** Who is told when the copy is up to date. */
  readonly tell: Set<PeerId>
}

/** Keeps a copy of a ledger from here on. */
export function onInvite(
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  from: PeerId,
  invite: Invite,
  now: Millis,
): void {
  const { ledger: id, epoch, producer, voters } = invite
  const info: LedgerInfo = { ledger: id, epoch, producer, voters }
  if (tellRetired(voter, outbox, from, id)) return
  const known = voter.ledgers.get(id)
  if (known !== undefined && latestInfo(known).epoch > epoch) return
  if (known?.office === 'voter') {
    send(outbox, from, { type: 'invited', ledger: id, epoch })
    return
  }
  if (known === undefined && voter.copies.size >= maxCopies) return
  const ledger = known ?? observe(voter, outbox, info, now)
  const copy = voter.copies.get(id) ?? createCopy(info, now)
  voter.copies.set(id, copy)
  copy.info = info
  copy.invitedAt = now
  copy.tell.add(from)
  if (copy.source === '') ask(voter, outbox, up, ledger, copy, now)
}

function createCopy(info: LedgerInfo, now: Millis): Copy {
  return { info, source: '', from: 0, at: now, invitedAt: now, tell: new Set() }
}

/** Asks one of the voters for what is not here. */
function ask(
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  ledger: Ledger,
  copy: Copy,
  now: Millis,
): void {
  const { ledger: id, epoch, voters } = copy.info
  const able = voters.filter(({ peer }) => peer !== voter.peer && up.has(peer))
  const at = able.findIndex(({ peer }) => peer === copy.source)
  copy.at = now
  copy.source = able[(at + 1) % Math.max(1, able.length)]?.peer ?? ''
  copy.from = 0
  if (copy.source === '') return
  send(outbox, copy.source, { type: 'observe', ledger: id, epoch, ...heldFrom(ledger, 0) })
}

/**
 * Takes a part of a copy in: records and outcomes, which a sealed voter may learn as well, since they
 * are as true in every epoch. Then asks for what comes next.
 */
export function onCopy(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  part: State,
  now: Millis,
): void {
  const copy = voter.copies.get(part.ledger)
  const ledger = voter.ledgers.get(part.ledger)
  if (copy === undefined || ledger === undefined || ledger.office === 'voter') return
  const { ledger: id, epoch } = copy.info
  if (copy.source !== from || copy.from !== part.from || part.epoch !== epoch) return
  const whole = takePart(voter, outbox, ledger, part, now)
  if (part.end >= 0 && ledger.end < 0) closeAt(voter, outbox, ledger, part.end)
  copy.at = now
  if (whole && part.next > copy.from) {
    copy.from = part.next
    send(outbox, from, { type: 'observe', ledger: id, epoch, ...heldFrom(ledger, part.next) })
    return
  }
  copy.source = ''
  if (!whole) return
  for (const peer of copy.tell) {
    send(outbox, peer, { type: 'invited', ledger: id, epoch }, outbox.lsn)
  }
  copy.tell.clear()
}

/** Brings copies up to date, and asks another voter where one does not answer. */
export function tickCopies(
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  now: Millis,
): void {
  for (const [id, copy] of voter.copies) {
    const ledger = voter.ledgers.get(id)
    const waitMs = copy.source === '' && copy.tell.size === 0 ? copyEveryMs : partMs
    const isWanted = now < copy.invitedAt + keepCopyMs || !hasMajority(copy.info, up)
    const stands = isWanted && (ledger?.office === 'observer' || copy.tell.size > 0)
    if (ledger === undefined || ledger.office === 'voter' || !stands) voter.copies.delete(id)
    else if (now >= copy.at + waitMs) ask(voter, outbox, up, ledger, copy, now)
  }
}

/** A storage that starts goes on with the copies that it kept. */
export function resumeCopies(voter: VoterState, now: Millis): void {
  for (const ledger of voter.ledgers.values()) {
    if (ledger.office !== 'observer') continue
    voter.copies.set(ledger.info.ledger, createCopy(ledger.info, now))
  }
}
