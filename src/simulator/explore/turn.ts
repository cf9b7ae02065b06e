import type { Ballot } from '../../core/ballot.ts'
import { type Collected, collectedKinds } from '../../core/collected.ts'
import type { Effect, Send } from '../../core/effects.ts'
import type { Install } from '../../core/change-messages.ts'
import type { AcceptedEntry, Entry } from '../../core/entries.ts'
import { type PeerId, peerOf } from '../../core/ids.ts'
import type { Input } from '../../core/inputs.ts'
import { step } from '../../core/machine.ts'
import { peerAt } from '../../core/membership.ts'
import type { Message, Settle } from '../../core/messages.ts'
import { seqsOf } from '../../core/ranges.ts'
import { type Actor, hasJournal, isTracked, ledgerOf, placeOf } from './actor.ts'
import { type Fact, type Flight, type Item, valueTexts, votersText } from './items.ts'
import type { Shape } from './plan.ts'

/** A claim that has begun: the moment matters for what its run may do. */
export interface Begun {
  readonly seq: number
  readonly ballot: Ballot
}

/** One move of one node, and what comes of it. */
export class Turn {
  readonly actor: Actor
  readonly items: Item[] = []
  readonly begun: Begun[] = []
  readonly #shape: Shape
  readonly #ballots: number

  constructor(shape: Shape, actor: Actor) {
    this.actor = actor
    this.#shape = shape
    this.#ballots = actor.machine.proposer.nextClaimId
  }

  /** Takes an input in and does all that follows at once. */
  input(input: Input): void {
    this.perform(step(this.actor.machine, input, 0))
  }

  /** Does what an earlier call has put into the outbox. */
  flush(): void {
    this.input({ type: 'listening', addresses: [] })
  }

  perform(effects: readonly Effect[]): void {
    const { actor } = this
    const { outbox } = actor.machine
    const tracked = isTracked(actor)
    const entries: Entry[] = []
    for (const effect of effects) this.#take(effect, entries)
    if (hasJournal(actor)) actor.journal.push(...entries)
    if (tracked || outbox.durable >= outbox.lsn) return
    this.#keep(entries)
    this.#durable(outbox.lsn)
  }

  /** The next entry becomes durable. */
  sync(): void {
    const { outbox } = this.actor.machine
    const entry = this.actor.journal[placeOf(this.actor, outbox.durable)]
    if (entry !== undefined) this.#keep([entry])
    this.#durable(outbox.durable + 1)
  }

  /** Entries that were not durable yet have outlived a crash. */
  kept(entries: readonly Entry[]): void {
    this.#keep(entries)
  }

  /** Notes the claims that have begun since the turn did. */
  end(): void {
    const { claims, nextClaimId } = this.actor.machine.proposer
    for (let id = this.#ballots; id < nextClaimId; id++) {
      const claiming = claims.get(id)
      if (claiming?.intent !== 'run') continue
      for (const seq of seqsOf(claiming.seqs)) this.begun.push({ seq, ballot: claiming.ballot })
    }
  }

  #durable(lsn: number): void {
    const { actor } = this
    const { waiting, plan } = actor
    const before = actor.machine.outbox.durable
    actor.waiting = waiting.filter(({ after }) => after > lsn)
    for (const send of waiting) if (send.after <= lsn) this.#leave(send)
    this.input({ type: 'durable', lsn })
    if (before >= actor.named || lsn < actor.named) return
    // A frame without a meaning of its own shows that the journal is durable up to there.
    const { ledger, epoch } = ledgerOf(this.#shape)
    for (const { peer, full } of this.#shape.nodes) {
      if (peer !== plan.peer && full) this.fly(peer, { type: 'closed', ledger, epoch }, lsn)
    }
  }

  #take(effect: Effect, entries: Entry[]): void {
    const { actor } = this
    switch (effect.type) {
      case 'persist':
        entries.push(effect.entry)
        if (effect.entry.type === 'collected') this.#collected(effect.entry)
        return
      case 'send':
        if (effect.message.type === 'settle') this.#proposed(effect.message)
        if (effect.message.type === 'install') this.#successor(effect.message)
        if (isTracked(actor) && effect.after > actor.machine.outbox.durable) {
          actor.waiting.push(effect)
        } else this.#leave(effect)
        return
      case 'run':
        for (const seq of seqsOf(effect.seqs)) {
          const ballot = { counter: effect.token, proposer: actor.machine.node }
          this.items.push({ type: 'run', seq, ballot })
        }
        return
      case 'report':
        if (effect.event.type === 'settled') this.#decided(effect.event)
        return
      default:
        return
    }
  }

  #leave({ to, message }: Send): void {
    if (message.type === 'decided') this.#decidedAt(message)
    if (!this.#shape.carries.includes(message.type)) return
    // Nobody in the next epoch has anything to give before it votes there itself.
    const { looks, nodes } = this.#shape
    const gives = looks || nodes.some(({ peer, votes }) => peer === to && votes)
    if (message.type === 'seal' && !gives) return
    // Records are had anyway: that only one voter is asked for them must not tell voters apart.
    if (message.type === 'claim') this.fly(to, { ...message, records: false }, 0)
    else this.fly(to, message, 0)
  }

  /** Puts a message in flight to the start of a peer that this node knows. */
  fly(to: PeerId, message: Message, lsn: number): void {
    const { plan, machine, starts } = this.actor
    const known = peerAt(machine.members, to).node
    const toStart = Number(known.slice(known.lastIndexOf('.') + 1))
    const flight: Flight = {
      type: 'flight',
      from: plan.peer,
      fromStart: starts,
      to,
      toStart,
      message,
      lsn,
    }
    this.items.push(flight)
  }

  #successor({ epoch, voters }: Install): void {
    const by = this.actor.plan.peer
    this.items.push({ type: 'successor', by, epoch: epoch - 1, next: votersText(voters) })
  }

  #proposed({ ballot, values, acceptLsn }: Settle): void {
    this.actor.named = Math.max(this.actor.named, acceptLsn)
    for (const part of values) {
      for (const [seq, value] of valueTexts(part)) {
        this.items.push({ type: 'proposed', seq, ballot, value })
      }
    }
  }

  /** Notes what entries mean that are durable now. */
  #keep(entries: readonly Entry[]): void {
    const { actor } = this
    const voter = actor.plan.peer
    for (const entry of entries) {
      switch (entry.type) {
        case 'accepted':
          // What a node writes before it takes up its office was accepted by others.
          if (actor.duty >= 0) this.#accepted(entry, actor.duty)
          break
        case 'succession': {
          const { epoch, accepted: ballot, voters } = entry
          const next = votersText(voters)
          if (ballot.counter > 0) this.items.push({ type: 'voted', voter, epoch, ballot, next })
          break
        }
        case 'sealed':
          if (actor.duty < 0) break
          this.items.push({
            type: 'sealed',
            voter,
            epoch: actor.duty,
            nextEpoch: entry.epoch,
            next: votersText(entry.voters),
          })
          actor.duty = -1
          break
        case 'installed': {
          const { epoch, voters } = entry
          actor.duty = epoch
          this.items.push({ type: 'installed', voter, epoch, next: votersText(voters) })
          break
        }
        default:
          break
      }
    }
  }

  #accepted({ ballot, values }: AcceptedEntry, epoch: number): void {
    const voter = this.actor.plan.peer
    for (const part of values) {
      for (const [seq, value] of valueTexts(part)) {
        this.items.push({ type: 'accepted', voter, epoch, seq, ballot, value })
      }
    }
  }

  #decided({ values }: { readonly values: Parameters<typeof valueTexts>[0] }): void {
    for (const [seq, value] of valueTexts(values)) {
      this.items.push({ type: 'decided', by: this.actor.plan.peer, seq, value })
    }
  }

  #collected(collected: Collected): void {
    const by = this.actor.plan.peer
    for (const kind of collectedKinds) {
      for (const seq of seqsOf(collected[kind])) {
        this.items.push({ type: 'collected', by, seq, kind })
      }
    }
  }

  // A fellow voter tells outcomes by the ballot that it accepted them at, which may be another;
  // a proposer only by that of a majority.
  #decidedAt(message: Message & { type: 'decided' }): void {
    const { peer } = this.actor.plan
    for (const { ballot, seqs, values } of message.outcomes) {
      if (values.length > 0 || peerOf(ballot.proposer) !== peer) continue
      for (const seq of seqsOf(seqs)) {
        const fact: Fact = { type: 'decided-at', by: peer, seq, ballot }
        this.items.push(fact)
      }
    }
  }
}
