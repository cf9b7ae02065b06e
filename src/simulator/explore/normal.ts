import { noBallot } from '../../core/ballot.ts'
import { ASKING, type Claiming } from '../../core/claim.ts'
import type { NodeId } from '../../core/ids.ts'
import type { Ledger } from '../../core/ledger.ts'
import type { Leases } from '../../core/lease.ts'
import type { Pace } from '../../core/pace.ts'
import { unblock } from '../../core/recovery.ts'
import { refresh, type VoterState } from '../../core/voter.ts'
import { type Actor, hasJournal, mayDraw, proposersOf } from './actor.ts'
import { votersText } from './items.ts'
import type { Shape } from './plan.ts'
import { textOf } from './text.ts'

/** A moment at which everything that waits for time has come. */
export const far = 1e9

/** Without its `readonly`. */
type Loose<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Brings a node that has been through different histories to one form: every wait starts anew,
 * numbers that only name things follow from what they name, and what can make no difference in
 * this shape is forgotten.
 */
export function normalise(shape: Shape, actor: Actor): void {
  const { voter, proposer } = actor.machine
  if (!shape.leases && actor.plan.full) passTime(voter)
  normaliseChange(actor)
  for (const ledger of voter.ledgers.values()) {
    nameProposers(ledger, proposersOf(shape))
    normaliseLedger(ledger, isLsnFree(actor))
    if (shape.repeats.length > 0) clipGrants(ledger)
  }
  normaliseLeases(voter.leases, voter)
  if (!actor.plan.finishes) voter.undecided = []
  for (const item of voter.undecided) item.at = 0
  voter.finishAt = voter.undecided.length > 0 ? 0 : Infinity
  if (isLsnFree(actor)) voter.evidence = voter.evidence.map(item => ({ ...item, ownLsn: 0 }))
  forgetPace(proposer.pace)
  const draws = mayDraw(actor)
  for (const claiming of proposer.claims.values()) {
    ;(claiming as Loose<typeof claiming>).startedAt = 0
    claiming.giveUpAt = 0
    claiming.sentAt.fill(0)
    // How often records were given or asked for only bounds what is sent again.
    claiming.repairs = 0
    claiming.fetches = 0
    claiming.fetchAt = Infinity
    for (const settling of claiming.settlings) settling.sentAt = 0
    const firsts = new Set<number>()
    claiming.chunks = claiming.chunks.filter(({ first }) => !firsts.has(first) && firsts.add(first))
    claiming.chunksAt = 0
    if (!shape.leases) forgetVotes(claiming, draws)
  }
  proposer.retries = draws ? proposer.retries.map(retry => ({ ...retry, at: 0 })) : []
  if (!draws) proposer.counters.clear()
  if (!hasJournal(actor)) actor.journal = []
}

/** How long answers take only bounds what is waited for. */
function forgetPace(pace: Pace): void {
  pace.counts.fill(0)
  pace.total = 0
  pace.slowMs = 0
  pace.late.clear()
}

/** Waits of joins and changes begin anew. */
function normaliseChange({ machine }: Actor): void {
  const { voter, changer } = machine
  for (const ledger of voter.ledgers.values()) ledger.since = 0
  for (const join of voter.joins.values()) {
    for (const source of join.sources.values()) source.askedAt = 0
    join.blockedUntil = 0
  }
  for (const change of changer.changes.values()) {
    change.since = 0
    change.sentAt = 0
    if (change.againAt < Infinity) change.againAt = 0
  }
}

/** Voters number proposers as they meet them; here the order is made always the same. */
function nameProposers(ledger: Ledger, nodes: readonly NodeId[]): void {
  const wanted = [noBallot.proposer, ...nodes]
  if (ledger.proposers.length === wanted.length) return
  const moved = ledger.proposers.map(node => wanted.indexOf(node))
  for (const { promisedBy, acceptedBy } of ledger.pages.values()) {
    for (const column of [promisedBy, acceptedBy]) {
      column.forEach((index, at) => (column[at] = moved[index] ?? 0))
    }
  }
  ledger.proposers.splice(0, Infinity, ...wanted)
  ledger.proposerIndex.clear()
  for (const [index, node] of wanted.entries()) ledger.proposerIndex.set(node, index)
}

/** Once a claim has been won or lost, who granted it matters only to leases. */
function forgetVotes(claiming: Claiming, draws: boolean): void {
  if (claiming.phase.includes(ASKING)) return
  claiming.grants.fill(0)
  claiming.refusals.fill(0)
  claiming.maxGrants.fill(0)
  claiming.until.fill(0)
  claiming.held.clear()
  claiming.asked = (1 << claiming.info.voters.length) - 1
  claiming.answered = claiming.asked
  // The base is compared with what a later ballot reads.
  if (!draws) claiming.base.clear()
}

/** Ends all leases of a voter, and every delay. */
export function passTime(voter: VoterState): void {
  refresh(voter, far)
  unblock(voter, far)
}

/** Whether positions in the journal make no difference: all is durable and nobody counts on it. */
function isLsnFree(actor: Actor): boolean {
  const { opens, finishes, votes } = actor.plan
  return !hasJournal(actor) && !(votes && (opens.length > 0 || finishes))
}

function normaliseLedger(ledger: Ledger, lsnFree: boolean): void {
  const order = new Map<number, number>()
  for (const page of ledger.pages.values()) {
    for (let slot = 0; slot < page.value.length; slot++) {
      const index = page.value[slot] as number
      if (index === 0) continue
      if (!order.has(index)) order.set(index, order.size + 1)
      page.value[slot] = order.get(index) as number
    }
  }
  const values = [...order.keys()].map(index => ledger.values[index - 1])
  ledger.values.splice(0, Infinity, ...values)
  ledger.freeValues.length = 0
  if (!lsnFree) return
  const loose: Loose<Ledger> = ledger
  loose.markLsn = 0
  loose.openedLsn = 0
  loose.mark = 0
  for (const chunk of ledger.chunks) (chunk as Loose<typeof chunk>).lsn = 0
}

/** Where a claim may come any number of times, its grants must not be counted without end. */
function clipGrants(ledger: Ledger): void {
  for (const { grants } of ledger.pages.values()) {
    grants.forEach((count, at) => (grants[at] = Math.min(3, count)))
  }
}

function normaliseLeases(leases: Leases, voter: VoterState): void {
  for (const [holder, session] of leases.sessions) {
    session.lapsed = []
    if (session.leases.size === 0) leases.sessions.delete(holder)
  }
  const sorted = [...leases.byId.values()]
    .map(lease => ({ lease, text: `${lease.holder} ${lease.claimId}` }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
  const names = new Map<number, number>()
  leases.byId.clear()
  for (const { lease } of sorted) {
    names.set(lease.id, names.size + 1)
    ;(lease as Loose<typeof lease>).id = names.size
    leases.byId.set(lease.id, lease)
  }
  leases.nextId = names.size + 1
  leases.lapseAt = Math.min(Infinity, ...sorted.map(({ lease }) => lease.until))
  for (const ledger of voter.ledgers.values()) {
    for (const page of ledger.pages.values()) {
      for (let slot = 0; slot < page.lease.length; slot++) {
        page.lease[slot] = names.get(page.lease[slot] as number) ?? 0
      }
    }
  }
}

/** A text that two nodes share only if they will behave alike. */
export function actorText(actor: Actor): string {
  const { machine, starts, opened, ended, named, journal, waiting } = actor
  const { voter, proposer, outbox, members } = machine
  const { peers } = members
  const seen = [...peers.values()].map(({ node, lsn }) => `${node} ${lsn}`).sort()
  const lsns = isLsnFree(actor) ? '' : `${outbox.lsn} ${outbox.durable}`
  const own = { ...proposer, voter: undefined }
  const { ledgers, joins } = voter
  const { claims, retries } = proposer
  const { counter, changes } = machine.changer
  // Of an epoch there may be other voters on another way: who asks whom follows from them.
  const held = [...ledgers.values(), ...joins.values(), ...claims.values(), ...changes.values()]
  const epochs = [...held, ...retries].map(({ info }) => `${info.epoch} ${votersText(info.voters)}`)
  const change = [actor.duty, epochs, counter, changes]
  const rest = [change, starts, opened, ended, named, lsns, seen, outbox.loopback, journal, waiting]
  return textOf([actor.plan.full ? voter : '', own, rest])
}
