import { openChange } from './change.ts'
import type { LedgerId, Millis, PeerId } from './ids.ts'
import type { HandOver } from './inputs.ts'
import type { Ledger } from './ledger.ts'
import { livePeers, majorityIsHere, markSilent } from './membership.ts'
import type { Voter } from './messages.ts'
import { namesBlobs } from './names-blobs.ts'
import { nextVoters, type Outlook } from './next-voters.ts'
import { hasOpenTasks } from './office.ts'
import { endOwnLedgers } from './producer.ts'
import type { Machine } from './state.ts'

/** How often it is looked for ledgers that should have other voters, in milliseconds. */
const lookMs = 1_000

/** The least time between two changes of one ledger, in milliseconds. */
const changeEveryMs = 30_000

/** Changes that a node drives at a time. */
const maxChanges = 16

/** How long new voters may take to fetch the blobs that are named, in milliseconds. */
const blobsMs = 60_000

/** How much longer each live voter waits than the one before it, in milliseconds. */
const turnMs = 5_000

/** Gives ledgers with open tasks more voters, or others for those that are gone. */
export function healLedgers(machine: Machine, now: Millis): void {
  const { voter, changer, outbox, members, isHandingOver } = machine
  if (now < changer.lookAt) return
  changer.lookAt = now + lookMs
  for (const peer of changer.silent.splice(0)) markSilent(members, peer, now)
  for (const ledger of voter.ledgers.values()) {
    const { ledger: id } = ledger.info
    const next = mayChange(machine, ledger, now) ? wantedFor(machine, ledger, now) : undefined
    if (next === undefined) {
      changer.wanted.delete(id)
      continue
    }
    const since = changer.wanted.get(id) ?? now
    changer.wanted.set(id, since)
    if (!isHandingOver && now < since + turnMs * placeOf(machine, ledger)) continue
    if (changer.changes.size >= maxChanges) continue
    changer.wanted.delete(id)
    openChange(changer, outbox, ledger, next, 'copying', now)
  }
  for (const id of changer.wanted.keys()) if (!voter.ledgers.has(id)) changer.wanted.delete(id)
}

/** Whether a change of the ledger may begin here now. */
function mayChange({ changer, isHandingOver }: Machine, ledger: Ledger, now: Millis): boolean {
  const { office, info, since, succession } = ledger
  if (office !== 'voter') return false
  // That somebody is still to be installed must not keep others from taking its place.
  if (changer.changes.get(info.ledger)?.info.epoch === info.epoch) return false
  // What may have been chosen already is carried through first.
  if (succession !== undefined && succession.accepted.counter > 0) return false
  if (changer.stay.has(info.ledger)) return false
  return isHandingOver || info.epoch === 0 || now >= since + changeEveryMs
}

/** The voters that a ledger should have, if it has open tasks and should have others. */
function wantedFor(
  machine: Machine,
  ledger: Ledger,
  now: Millis,
  isLeaving = machine.isHandingOver,
): readonly Voter[] | undefined {
  const next = nextVoters(outlookOf(machine, isLeaving), ledger.info, now)
  if (next === undefined || !hasOpenTasks(ledger)) return undefined
  return everybodyFollows(machine) ? next : undefined
}

function outlookOf({ members, producer, changer }: Machine, isLeaving: boolean): Outlook {
  const { self, wanted } = producer
  return { members, self, wanted, startedAt: changer.startedAt, isLeaving }
}

/** A node of an older version would not find a ledger again that others keep. */
function everybodyFollows({ members }: Machine): boolean {
  for (const { hello } of livePeers(members)) if (!hello.changes) return false
  return true
}

/** How many voters before this one are there to begin the change. */
function placeOf({ members }: Machine, { info, index }: Ledger): number {
  return info.voters.slice(0, index).filter(({ peer }) => members.peers.get(peer)?.up).length
}

/** Lets others keep what this node votes on, as far as there is somebody: it is about to stop. */
export function onHandOver(machine: Machine, { blobsAt }: HandOver, now: Millis): void {
  const { changer } = machine
  for (const [id, heirs] of heirsOf(machine, now)) {
    const at = blobsAt?.get(id)
    if (heirs.length === 0 || !heirs.every(peer => at?.has(peer))) changer.stay.add(id)
  }
  machine.isHandingOver = true
  machine.handOverAsked = true
  machine.dispatch.draining = true
  changer.lookAt = now
  endOwnLedgers(machine.producer, machine.voter, machine.outbox)
  healLedgers(machine, now)
}

/**
 * Who would vote in this node's place, by ledger, where it may be the only one that has the blobs
 * which are named there: they must get them before it goes.
 */
export function heirsOf(machine: Machine, now: Millis): Map<LedgerId, PeerId[]> {
  const heirs = new Map<LedgerId, PeerId[]>()
  for (const ledger of machine.voter.ledgers.values()) {
    if (!isSoleKeeper(ledger, now) || !namesBlobs(ledger)) continue
    const next = wantedFor(machine, ledger, now, true) ?? []
    heirs.set(
      ledger.info.ledger,
      next.map(({ peer }) => peer),
    )
  }
  return heirs
}

/** Whether blobs that are named here may be nowhere else yet. */
function isSoleKeeper({ office, info, since }: Ledger, now: Millis): boolean {
  const isYoung = info.epoch > 0 && now < since + blobsMs
  return office === 'voter' && (info.voters.length < 3 || isYoung)
}

/** Tells once that nothing is left to hand over, or nobody to take it. */
export function tellHandedOver(machine: Machine, now: Millis): void {
  const { voter, changer, producer, members, outbox } = machine
  if (!machine.handOverAsked || changer.changes.size > 0) return
  // What has a number is to be held by those who follow: else their ledger has a gap, and stays for ever.
  for (const { info } of producer.storing) {
    if (majorityIsHere(members, producer.self, info.voters)) return
  }
  for (const ledger of voter.ledgers.values()) {
    if (!mayChange(machine, ledger, now)) continue
    if (wantedFor(machine, ledger, now) !== undefined) return
  }
  machine.handOverAsked = false
  outbox.effects.push({ type: 'report', event: { type: 'handed-over' } })
}
