import { collectedKinds } from '../../core/collected.ts'
import type { Entry } from '../../core/entries.ts'
import type { LedgerId, Lsn, PeerId } from '../../core/ids.ts'
import type { Message } from '../../core/messages.ts'
import { type Ranges, seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { TaskHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/** No ballot has this key. */
const anybody = -1

/** The highest ballot of some vote; counter 0 for none. */
interface Vote {
  counter: number
  key: number
}

/** What one voter has said about one register. */
interface Register {
  /** In this process, whether it has left it or not. */
  readonly promised: Vote
  /** To others, or to itself from disk: no crash may undo it. */
  readonly binding: Vote
  accepted: number
  settled: boolean
  settledOnDisk: boolean
}

/** Nothing is promised yet. */
const nothing: Vote = { counter: 0, key: 0 }

/**
 * Voter-local: promised and accepted never fall, settled is final; not by a crash either.
 * A promise binds a voter from when it leaves the process, an accept from when it is on disk.
 */
export class VotersKeepTheirWord extends Checker {
  readonly #registers: Map<TaskHistory, Register>[] = []
  readonly #pending: { lsn: Lsn; entry: Entry }[][] = []

  override started(actor: Actor, _recovered: readonly Entry[]): void {
    this.#pending[actor.index] = []
    for (const register of this.#registers[actor.index]?.values() ?? []) {
      Object.assign(register.promised, register.binding)
      register.settled = register.settledOnDisk
    }
  }

  override stopped(actor: Actor, kept: Lsn): void {
    this.durable(actor, kept)
  }

  /** Without its disk it is another voter, which has said nothing yet. */
  override lost(index: number): void {
    this.#registers[index] = new Map()
  }

  override asked(actor: Actor, _to: PeerId, message: Message): void {
    if (message.type !== 'claimed') return
    const { ledger, ballot, granted } = message
    const key = this.history.ballotKey(ballot)
    this.#vote('promises', actor, ledger, granted, { counter: ballot.counter, key })
  }

  override sent(actor: Actor, _to: PeerId, message: Message): void {
    if (message.type !== 'claimed') return
    const { ledger, ballot, granted } = message
    this.#bind(actor, ledger, granted, {
      counter: ballot.counter,
      key: this.history.ballotKey(ballot),
    })
  }

  override wrote(actor: Actor, lsn: Lsn, entry: Entry): void {
    if (entry.type === 'settled') {
      for (const { seqs } of entry.outcomes) {
        for (const seq of seqsOf(seqs)) this.#register(actor, entry.ledger, seq).settled = true
      }
    }
    if (entry.type === 'collected') {
      for (const kind of collectedKinds) {
        for (const seq of seqsOf(entry[kind])) {
          this.#register(actor, entry.ledger, seq).settled = true
        }
      }
    }
    if (entry.type === 'installed') this.#merged(actor, entry.ledger)
    if (entry.type === 'moved') this.#left(actor, entry.ledger)
    if (entry.type === 'granted' || entry.type === 'accepted') {
      const vote = { counter: entry.ballot.counter, key: this.history.ballotKey(entry.ballot) }
      const verb = entry.type === 'granted' ? 'promises' : 'accepts'
      for (const seqs of seqsIn(entry)) this.#vote(verb, actor, entry.ledger, seqs, vote)
    }
    if (entry.type === 'granted' || entry.type === 'accepted' || entry.type === 'settled') {
      this.#pending[actor.index]?.push({ lsn, entry })
    }
  }

  override durable(actor: Actor, lsn: Lsn): void {
    const pending = this.#pending[actor.index] ?? []
    while (pending[0] !== undefined && pending[0].lsn <= lsn) {
      const { entry } = pending[0]
      pending.shift()
      if (entry.type === 'settled') {
        for (const { seqs } of entry.outcomes) {
          for (const seq of seqsOf(seqs))
            this.#register(actor, entry.ledger, seq).settledOnDisk = true
        }
      } else if (entry.type === 'granted' || entry.type === 'accepted') {
        const vote = { counter: entry.ballot.counter, key: this.history.ballotKey(entry.ballot) }
        for (const seqs of seqsIn(entry)) this.#bind(actor, entry.ledger, seqs, vote)
      }
    }
  }

  #vote(
    verb: 'promises' | 'accepts',
    actor: Actor,
    ledger: LedgerId,
    seqs: Ranges,
    vote: Vote,
  ): void {
    const votes = this.history.votes(actor, ledger) !== undefined
    for (const seq of seqsOf(seqs)) {
      const register = this.#register(actor, ledger, seq)
      const { promised } = register
      if (!votes) {
        // What it takes over from others before it votes again is no word of its own.
        if (verb === 'accepts') register.accepted = Math.max(register.accepted, vote.counter)
        raise(promised, vote)
        continue
      }
      const name = (): string =>
        `${actor.peer} ${verb} ballot ${vote.counter} for ${ledger.slice(0, 8)}-${seq}`
      if (register.settled) this.violation('voter', `${name()}, which it has settled`)
      const isOther = promised.key !== anybody && vote.key !== promised.key
      if (vote.counter < promised.counter || (vote.counter === promised.counter && isOther)) {
        this.violation('voter', `${name()} after it promised ${promised.counter}`)
      }
      if (verb === 'accepts') {
        if (vote.counter < register.accepted) {
          this.violation('voter', `${name()} after it accepted ${register.accepted}`)
        }
        register.accepted = Math.max(register.accepted, vote.counter)
      }
      raise(promised, vote)
    }
  }

  /**
   * Of two ballots with one counter, which voters of the epoch before have promised to different
   * proposers, either may be the merged one: at most one of them has a majority.
   */
  #merged(actor: Actor, ledger: LedgerId): void {
    for (const [task, { promised, binding }] of this.#registers[actor.index] ?? []) {
      if (task.ledger.id !== ledger) continue
      promised.key = anybody
      binding.key = anybody
    }
  }

  /**
   * Who does not vote any more forgets what it has promised. Where that was of a majority, those that
   * it may follow later have it; where it was not, no vote of a later epoch is counted with it.
   */
  #left(actor: Actor, ledger: LedgerId): void {
    for (const [task, register] of this.#registers[actor.index] ?? []) {
      if (task.ledger.id !== ledger) continue
      Object.assign(register.promised, nothing)
      Object.assign(register.binding, nothing)
      register.accepted = 0
    }
  }

  #bind(actor: Actor, ledger: LedgerId, seqs: Ranges, vote: Vote): void {
    for (const seq of seqsOf(seqs)) raise(this.#register(actor, ledger, seq).binding, vote)
  }

  #register(actor: Actor, ledger: LedgerId, seq: number): Register {
    let registers = this.#registers[actor.index]
    if (registers === undefined) this.#registers[actor.index] = registers = new Map()
    const task = this.history.task(ledger, seq)
    let register = registers.get(task)
    if (register === undefined) {
      register = {
        promised: { ...nothing },
        binding: { ...nothing },
        accepted: 0,
        settled: false,
        settledOnDisk: false,
      }
      registers.set(task, register)
    }
    return register
  }
}

function* seqsIn(entry: Entry): Generator<Ranges> {
  if (entry.type === 'granted') yield entry.seqs
  else if (entry.type === 'accepted') for (const { seqs } of entry.values) yield seqs
}

function raise(vote: Vote, to: Vote): void {
  if (to.counter < vote.counter) return
  vote.counter = to.counter
  vote.key = to.key
}
