import type { Entry, GrantedEntry } from '../../core/entries.ts'
import { type LedgerId, type Lsn, type NodeId, type PeerId, peerOf } from '../../core/ids.ts'
import type { Claimed, Message, Renew } from '../../core/messages.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import { Checker } from './checker.ts'

/** What a voter has last granted of some tasks. */
interface Grant {
  readonly peer: PeerId
  readonly claimId: number
  /** Until when it holds by itself. */
  until: number
  confirmed: boolean
}

/** What a voter's process has granted. */
interface Voter {
  readonly grants: Map<LedgerId, Map<number, Grant>>
  /** Not confirmed yet, by holder and claim; a claim that comes twice has several. */
  readonly claims: Map<PeerId, Map<number, Grant[]>>
  /** Claims that were confirmed in this turn: what the turn grants is seen after all that it has heard. */
  readonly heard: Set<string>
  /** Whether something has come of that already. */
  acted: boolean
}

/**
 * A voter refuses a task as held only while a lease of its own may live: for as long as it was granted,
 * and longer only if a beat of its holder has named it. A worker that was never told of a grant would
 * keep the task from everybody else with its other beats.
 */
export class LeasesAreConfirmed extends Checker {
  readonly #voters = new Map<NodeId, Voter>()

  override wrote(actor: Actor, _lsn: Lsn, entry: Entry): void {
    if (entry.type === 'granted') this.#grant(actor, entry)
    else if (entry.type === 'installed') this.#voters.get(actor.node)?.grants.delete(entry.ledger)
  }

  override stopped({ node }: Actor): void {
    this.#voters.delete(node)
  }

  override asked(actor: Actor, to: PeerId, message: Message): void {
    if (message.type === 'claimed') this.#answer(actor, to, message)
    if (message.type === 'renewed') this.#voter(actor).acted = true
  }

  override received(actor: Actor, from: PeerId, message: Message): void {
    const voter = this.#voters.get(actor.node)
    if (voter?.acted === true) {
      voter.heard.clear()
      voter.acted = false
    }
    if (message.type === 'renew') this.#confirm(actor, from, message)
  }

  #grant(actor: Actor, { ledger, claimId, ballot, seqs }: GrantedEntry): void {
    const voter = this.#voter(actor)
    const peer = peerOf(ballot.proposer)
    const isHeard = voter.heard.has(`${peer}|${claimId}`)
    // What a node says to itself is not seen here.
    const grant = { peer, claimId, until: Infinity, confirmed: isHeard || peer === actor.peer }
    let grants = voter.grants.get(ledger)
    if (grants === undefined) voter.grants.set(ledger, (grants = new Map()))
    for (const seq of seqsOf(seqs)) grants.set(seq, grant)
    if (grant.confirmed) return
    let claims = voter.claims.get(peer)
    if (claims === undefined) voter.claims.set(peer, (claims = new Map()))
    const granted = claims.get(claimId)
    if (granted === undefined) claims.set(claimId, [grant])
    else granted.push(grant)
  }

  #answer(actor: Actor, to: PeerId, { ledger, claimId, granted, leaseMs, refused }: Claimed): void {
    const grants = this.#voters.get(actor.node)?.grants.get(ledger)
    if (grants === undefined) return
    const now = this.context.now()
    for (const seq of seqsOf(granted)) {
      const grant = grants.get(seq)
      if (grant?.peer === to && grant.claimId === claimId) grant.until = now + leaseMs
    }
    if (this.context.disturbed.clocks) return
    for (const { reason, seqs, ms } of refused) {
      // That of a full answer ends at once.
      if (reason !== 'held' || ms <= 1) continue
      for (const seq of seqsOf(seqs)) {
        const grant = grants.get(seq)
        if (grant === undefined || grant.confirmed || grant.until + roundingMs >= now) continue
        const lateMs = Math.round(now - grant.until)
        const message = `${actor.peer} still holds task ${seq} for ${grant.peer}, ${lateMs} ms after an unconfirmed lease`
        this.violation('lease', message, this.history.ledger(ledger))
      }
    }
  }

  #confirm(actor: Actor, from: PeerId, { confirmed, list }: Renew): void {
    const voter = this.#voter(actor)
    const claims = voter.claims.get(from)
    const listed = (list ?? []).map(({ claimId }) => claimId)
    for (const claimId of [...confirmed, ...listed]) {
      voter.heard.add(`${from}|${claimId}`)
      for (const grant of claims?.get(claimId) ?? []) grant.confirmed = true
      claims?.delete(claimId)
    }
  }

  #voter({ node }: Actor): Voter {
    let voter = this.#voters.get(node)
    if (voter === undefined) {
      voter = { grants: new Map(), claims: new Map(), heard: new Set(), acted: false }
      this.#voters.set(node, voter)
    }
    return voter
  }
}

/** Milliseconds travel as whole numbers. */
const roundingMs = 2
