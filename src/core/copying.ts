import type { Invite, State } from './change-messages.ts'
import type { Millis, PeerId } from './ids.ts'
import { observe } from './join.ts'
import type { Ledger } from './ledger.ts'
import { isHere, majorityIsHere, type Membership } from './membership.ts'
import type { LedgerInfo } from './messages.ts'
import { takePart } from './merge.ts'
import { latestInfo } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { heldFrom, openFrom } from './state-part.ts'
import { closeAt } from './voter-compare.ts'
import { tellRetired } from './tell-collected.ts'
import type { VoterState } from './voter.ts'

/** How long a voter has to give a part before another one is asked, in milliseconds. */
const partMs = 2_000

/** How often a copy is brought up to date, in milliseconds. */
export const copyEveryMs = 10_000

/** How long a copy is kept without being asked for, in milliseconds. */
const keepCopyMs = 120_000

/** The same of one that is to stand: its voter asks for it every few minutes. */
const keepStandingMs = 900_000

/** The part of its budget that a storage gives to copies that are to stand. */
const standingShare = 0.5

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
  /** When it was last asked for, and whether it is to stand. */
  invitedAt: Millis
  isStanding: boolean
  /** When its open tasks were given to the voter that is left of a lost majority. */
  givenAt: Millis
  /** Who is told when the copy is up to date. */
  readonly tell: Set<PeerId>
}

/** Keeps a copy of a ledger from here on. */
export function onInvite(
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  from: PeerId,
  invite: Invite,
  now: Millis,
): void {
  const { ledger: id, epoch, producer, voters, standing } = invite
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
  copy.isStanding = standing
  if (!standing) copy.tell.add(from)
  if (copy.source === '') ask(voter, outbox, members, ledger, copy, now)
}

function createCopy(info: LedgerInfo, now: Millis): Copy {
  const never = { source: '', from: 0, isStanding: false, givenAt: -Infinity }
  return { info, ...never, at: now, invitedAt: now, tell: new Set() }
}

/** Asks one of the voters for what is not here. */
function ask(
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  ledger: Ledger,
  copy: Copy,
  now: Millis,
): void {
  // Who has lost the storage that votes can say nothing.
  const able = copy.info.voters.filter(one => {
    return one.peer !== voter.peer && isHere(members, voter, one)
  })
  const at = able.findIndex(({ peer }) => peer === copy.source)
  copy.at = now
  copy.source = able[(at + 1) % Math.max(1, able.length)]?.peer ?? ''
  if (copy.source !== '') askFrom(voter, outbox, ledger, copy, 0)
}

/** Asks for the tasks from a number on. */
function askFrom(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  copy: Copy,
  from: number,
): void {
  const { ledger: id, epoch } = copy.info
  copy.from = from
  // What stands takes no room that this node needs for its own; whoever is to vote must have it all.
  const isFull = voter.bytes > voter.maxBytes * standingShare
  const asked = isFull && copy.tell.size === 0 ? openFrom(ledger, from) : heldFrom(ledger, from)
  send(outbox, copy.source, { type: 'observe', ledger: id, epoch, ...asked })
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
  closeAt(outbox, ledger, part.end)
  copy.at = now
  if (whole && part.next > copy.from) {
    askFrom(voter, outbox, ledger, copy, part.next)
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
  members: Membership,
  now: Millis,
): void {
  for (const [id, copy] of voter.copies) {
    const ledger = voter.ledgers.get(id)
    const { isStanding, invitedAt, info } = copy
    const everyMs = isStanding ? Infinity : copyEveryMs
    const waitMs = copy.source === '' && copy.tell.size === 0 ? everyMs : partMs
    const keptMs = isStanding ? keepStandingMs : keepCopyMs
    // A voter without the storage that it had is none: this may be all that is left of the ledger.
    const isWanted = now < invitedAt + keptMs || !majorityIsHere(members, voter, info.voters)
    const stands = isWanted && (ledger?.office === 'observer' || copy.tell.size > 0)
    if (ledger === undefined || ledger.office === 'voter' || !stands) voter.copies.delete(id)
    else if (now >= copy.at + waitMs) ask(voter, outbox, members, ledger, copy, now)
  }
}

/** A storage that starts goes on with the copies that it kept. */
export function resumeCopies(voter: VoterState, now: Millis): void {
  for (const ledger of voter.ledgers.values()) {
    if (ledger.office !== 'observer') continue
    voter.copies.set(ledger.info.ledger, createCopy(ledger.info, now))
  }
}
