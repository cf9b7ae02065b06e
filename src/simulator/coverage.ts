import type { Abort, OutcomesKnown, Run } from '../core/effects.ts'
import { isDirect } from '../core/direct-grant.ts'
import type { Entry, GrantedEntry } from '../core/entries.ts'
import { type LedgerId, type Lsn, type NodeId, type PeerId, peerOf } from '../core/ids.ts'
import type { Finished } from '../core/inputs.ts'
import type { Message } from '../core/messages.ts'
import { type Ranges, seqsOf } from '../core/ranges.ts'
import type { History } from './history.ts'
import { type Actor, Observer } from './observer.ts'
import type { TaskHistory } from './task-history.ts'
import type { World } from './world.ts'

/** A copy of a ledger that is on its way to a vote is dropped or voted on by then, in milliseconds. */
const standingMs = 120_000

interface Grant {
  readonly node: NodeId
  readonly counter: number
  /** How many beats of its holder had been answered there before. */
  readonly beats: number
}

/** A voter's process. */
interface Granter {
  /** The last grant of a run of each task that is not known to be over. */
  readonly grants: Map<TaskHistory, Grant>
  /** How many beats it has answered, by holder. */
  readonly beats: Map<PeerId, number>
}

/**
 * Counts what the protocol has gone through, so that it can be seen whether a set of runs
 * reaches the corners: a simulation in which nothing happens finds nothing.
 */
export class Coverage extends Observer {
  readonly #history: History
  readonly #count: World['count']
  readonly #granters = new Map<NodeId, Granter>()
  /** Ballots of claims to finish what somebody left. */
  readonly #finishers = new Set<number>()
  readonly #now: () => number
  /** Since when a storage keeps a copy of a ledger. */
  readonly #copies = new Map<string, number>()

  constructor(history: History, count: World['count'], now: () => number) {
    super()
    this.#history = history
    this.#count = count
    this.#now = now
    const { onChosen } = history
    history.onChosen = (task, chosen) => {
      onChosen(task, chosen)
      const facts = history.digests.factsOf(chosen.digest)
      if (task.chosen.length > 1) count('an outcome is chosen again by a later ballot')
      else if (facts?.kind === 'failed') count(`outcome failed(${facts.reason})`)
      else count(`outcome ${facts?.kind}`)
    }
  }

  override stopped({ node }: Actor, _kept: Lsn): void {
    for (const { grants } of this.#granters.values()) {
      for (const [task, grant] of grants) if (grant.node === node) grants.delete(task)
    }
    this.#granters.delete(node)
  }

  override outcomes(_actor: Actor, { fork }: OutcomesKnown): void {
    if (fork !== undefined) this.#count('outcome of a later generation shown')
  }

  override started(_actor: Actor, recovered: readonly Entry[]): void {
    if (recovered.some(({ type }) => type === 'accepted')) this.#count('restart with accepts')
    if (recovered.some(({ type }) => type === 'grants')) this.#count('restart from a checkpoint')
  }

  override wrote({ node, storageId }: Actor, _lsn: Lsn, entry: Entry): void {
    this.#count('wrote', entry.type)
    if ('ledger' in entry && (entry.type === 'observed' || this.#copies.size > 0))
      this.#kept(`${storageId} ${entry.ledger}`, entry.type)
    if (entry.type === 'granted') return this.#granted(node, entry)
    if (entry.type === 'released') this.#freed(node, entry.ledger, entry.seqs)
    if (entry.type !== 'accepted') return
    for (const { kind, seqs } of entry.values) {
      this.#freed(node, entry.ledger, seqs)
      if (kind === 'pending') this.#count('retry accepted')
    }
  }

  override asked({ node }: Actor, to: PeerId, message: Message): void {
    switch (message.type) {
      case 'claim':
        this.#count('claim', message.any.length > 0 ? 'any' : message.intent)
        if (message.intent === 'finish')
          this.#finishers.add(this.#history.ballotKey(message.ballot))
        break
      case 'settle':
        if (this.#finishers.has(this.#history.ballotKey(message.ballot))) {
          this.#count('finisher settled')
        }
        break
      case 'claimed':
        if (isDirect(message.claimId) && message.granted.length > 0) this.#count('granted directly')
        for (const { reason } of message.refused) this.#count(`refused ${reason}`)
        if (message.accepted.length > 0) this.#count('granted with an accepted value')
        if (message.chunks.length > 0) this.#count('granted with records')
        break
      case 'sync':
        if (message.slots > 0) this.#count('worker waits for tasks')
        break
      case 'backlogs':
        if (message.offered) this.#count('tasks offered')
        break
      case 'stored':
        if (message.conflict.length > 0) this.#count('store conflict')
        if (message.full.length > 0) this.#count('store full')
        if (message.settled.length > 0) this.#count('store settled')
        break
      case 'elected':
        if (!message.granted) this.#count('elect refused')
        break
      case 'submitted':
        if (message.refused !== '') this.#count(`submit refused: ${message.refused}`)
        break
      case 'accepted':
        if (message.behind.length > 0) this.#count('settle behind')
        if (message.settled.length > 0) this.#count('settle settled')
        if (message.missing.length > 0) this.#count('settle missing')
        break
      case 'renewed':
        if (message.sendList) this.#count('session list asked for')
        if (message.lost.length > 0) this.#count('session lease lost')
        this.#granter(node).beats.set(to, this.#beatsOf(node, to) + 1)
        break
      default:
        break
    }
  }

  override ran(_actor: Actor, { ledger, seqs }: Run): void {
    for (const seq of seqsOf(seqs)) {
      const { runs } = this.#history.task(ledger, seq)
      if (runs.length < 2) continue
      const overlaps = runs.some(run => run !== runs.at(-1) && run.endedAt === Infinity)
      this.#count(overlaps ? 'two runs at once' : 'another run')
    }
  }

  override aborted(_actor: Actor, { reason }: Abort): void {
    this.#count(`abort ${reason}`)
  }

  override finished(_actor: Actor, { kind }: Finished): void {
    this.#count(`run ended ${kind}`)
  }

  /** Whoever keeps a copy writes down what it learns, and when it does not keep one any more. */
  #kept(copy: string, type: Entry['type']): void {
    const since = this.#copies.get(copy)
    if (type === 'observed') this.#copies.set(copy, since ?? this.#now())
    else if (type === 'installed' || type === 'moved' || type === 'retired') {
      this.#copies.delete(copy)
    } else if (since !== undefined && this.#now() >= since + standingMs) {
      this.#count('observer stands')
    }
  }

  /** A run is granted: if another one was before, and nobody gave that back, its lease is over. */
  #granted(voter: NodeId, { ledger, seqs, ballot }: GrantedEntry): void {
    const { grants } = this.#granter(voter)
    const { proposer: node, counter } = ballot
    const beats = this.#beatsOf(voter, peerOf(node))
    for (const seq of seqsOf(seqs)) {
      const task = this.#history.task(ledger, seq)
      const before = grants.get(task)
      if (before !== undefined && before.counter !== counter) {
        const renewed = this.#beatsOf(voter, peerOf(before.node)) > before.beats
        this.#count(renewed ? 'lease expired' : 'tentative lease expired')
      }
      grants.set(task, { node, counter, beats })
    }
  }

  #freed(voter: NodeId, ledger: LedgerId, seqs: Ranges): void {
    const grants = this.#granters.get(voter)?.grants
    if (grants === undefined || grants.size === 0) return
    for (const seq of seqsOf(seqs)) grants.delete(this.#history.task(ledger, seq))
  }

  #granter(voter: NodeId): Granter {
    let granter = this.#granters.get(voter)
    if (granter === undefined) {
      this.#granters.set(voter, (granter = { grants: new Map(), beats: new Map() }))
    }
    return granter
  }

  #beatsOf(voter: NodeId, holder: PeerId): number {
    return this.#granters.get(voter)?.beats.get(holder) ?? 0
  }
}
