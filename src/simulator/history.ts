import type { Ballot } from '../core/ballot.ts'
import { collectedKinds } from '../core/collected.ts'
import type { Abort, Published, Run } from '../core/effects.ts'
import type {
  AcceptedEntry,
  Entry,
  GrantedEntry,
  InstalledEntry,
  OpenedEntry,
} from '../core/entries.ts'
import {
  type LedgerId,
  type Lsn,
  nodeId,
  type NodeId,
  type PeerId,
  type StorageId,
} from '../core/ids.ts'
import type { Cancel, Finished } from '../core/inputs.ts'
import { invariant } from '../core/invariant.ts'
import type { Chunk, Claimed, LedgerInfo, Message, Release, Voter } from '../core/messages.ts'
import { type Ranges, seqsOf } from '../core/ranges.ts'
import { limitAt } from '../core/timing.ts'
import { Duties } from './duties.ts'
import { type Actor, Observer } from './observer.ts'
import { readPlan } from './plans.ts'
import {
  type Chosen,
  LedgerHistory,
  type Retry,
  type RunHistory,
  type TaskHistory,
} from './task-history.ts'
import { digestBytes, ValueDigests } from './value-digest.ts'

/** Entries by which a voter promises or accepts something. */
const givesWord: ReadonlySet<Entry['type']> = new Set(['granted', 'accepted', 'succession'])

/** Most processes that a simulation may have. Small enough for keys to be small integers, which are fast. */
const proposersMax = 2 ** 16

/**
 * What has really happened, as nobody in the cluster can know it: which votes are on which
 * disk, what a majority has accepted, who runs what. Checkers compare with it.
 */
export class History extends Observer {
  readonly ledgers = new Map<LedgerId, LedgerHistory>()
  readonly digests: ValueDigests
  /** Tasks by the number in their payload. */
  readonly byUid: (TaskHistory | undefined)[] = []
  /** Called whenever a majority has accepted a terminal value at one more ballot. */
  onChosen: (task: TaskHistory, chosen: Chosen) => void = () => {}
  /** Called whenever a majority has accepted that a task is to be tried again. */
  onRetry: (task: TaskHistory, retry: Retry) => void = () => {}
  #latest: LedgerHistory | undefined
  readonly #now: () => number
  readonly #plans: boolean
  readonly #proposers = new Map<NodeId, number>()
  /** Entries written and not yet durable, per node. */
  readonly #pending: { lsn: Lsn; entry: Entry }[][] = []
  /** Where the journal ended when its process began, per node. */
  readonly #foundLsn: Lsn[] = []
  /** Processes that were shown that their disk has lost something. */
  readonly #warned = new Set<NodeId>()
  /** Who votes where, by what is written and by what is durable. */
  readonly #written = new Duties()
  readonly #onDisk = new Duties()
  /** When each process that runs has last said or written anything. */
  readonly #actedAt = new Map<NodeId, number>()
  /** Storages that are gone for good. */
  readonly #lost = new Set<StorageId>()
  /** Runs that have not ended, per process. */
  readonly #live = new Map<NodeId, Set<RunHistory>>()

  /** With `plans`, payloads begin with the plan of a simulated task. */
  constructor(now: () => number, plans: boolean) {
    super()
    this.#now = now
    this.digests = new ValueDigests()
    this.#plans = plans
  }

  /** The task with a sequence number in a ledger; made when it is first heard of. */
  task(ledger: LedgerId, seq: number): TaskHistory {
    return this.ledger(ledger).task(seq)
  }

  ledger(id: LedgerId): LedgerHistory {
    // Several observers look at the same one in turn.
    if (this.#latest?.id === id) return this.#latest
    let ledger = this.ledgers.get(id)
    if (ledger === undefined) this.ledgers.set(id, (ledger = new LedgerHistory(id)))
    this.#latest = ledger
    return ledger
  }

  /** A number for a ballot, unique in a simulation. */
  ballotKey({ counter, proposer }: Ballot): number {
    let index = this.#proposers.get(proposer)
    if (index === undefined) {
      index = this.#proposers.size
      invariant(index < proposersMax, 'too many processes for one simulation')
      this.#proposers.set(proposer, index)
    }
    return counter * proposersMax + index
  }

  /** The process that a ballot is of, if it has not ended. */
  proposerOf(ballotKey: number): NodeId | undefined {
    const index = ballotKey % proposersMax
    for (const [node, at] of this.#proposers) {
      if (at === index) return this.#live.has(node) ? node : undefined
    }
    return undefined
  }

  /** Whether a process has said or written anything since it made a claim. */
  hasActedSince(proposer: NodeId, ledger: LedgerHistory, ballotKey: number): boolean {
    return (this.#actedAt.get(proposer) ?? 0) > (ledger.claimedAt.get(ballotKey) ?? 0)
  }

  /** Tasks that a peer's user was told are safe. */
  *acknowledged(): Generator<TaskHistory> {
    for (const task of this.tasks()) if (task.ackedAt < Infinity) yield task
  }

  *tasks(): Generator<TaskHistory> {
    for (const ledger of this.ledgers.values()) yield* ledger.tasks()
  }

  /** How many runs of a task have thrown, anywhere. */
  throwsOf(uid: number): number {
    const task = this.byUid[uid]
    return task === undefined ? 0 : task.errors
  }

  override started(actor: Actor, recovered: readonly Entry[]): void {
    this.#pending[actor.index] = []
    // An old copy of a disk goes on under the name of what it is a copy of.
    this.#lost.delete(actor.storageId)
    this.#written.restart(actor.index, recovered)
    this.#onDisk.restart(actor.index, recovered)
    this.#live.set(actor.node, new Set())
    this.#holdOnly(actor, recovered)
  }

  override stopped(actor: Actor, kept: Lsn): void {
    this.durable(actor, kept)
    this.#pending[actor.index] = []
    for (const run of this.#live.get(actor.node) ?? []) this.#endRun(run, 'crashed')
    this.#live.delete(actor.node)
    this.#actedAt.delete(actor.node)
  }

  override wrote(actor: Actor, lsn: Lsn, entry: Entry): void {
    this.#actedAt.set(actor.node, this.#now())
    this.#pending[actor.index]?.push({ lsn, entry })
    if (entry.type === 'started') this.#foundLsn[actor.index] = lsn - 1
    this.#written.take(actor.index, entry)
    if (entry.type === 'opened' || entry.type === 'installed') this.#learn(entry)
    if (entry.type === 'sealed' || entry.type === 'installed') this.#chosen(entry)
    if (givesWord.has(entry.type) && 'ledger' in entry) this.#noteWord(actor, entry.ledger)
    if (entry.type === 'stored') this.#learnRecords(entry.ledger, entry.chunk)
    if (entry.type === 'granted') this.#noteGrant(actor, entry)
    // Who does not hear that a claim was given back counts it.
    const epoch = entry.type === 'released' ? this.votes(actor, entry.ledger) : undefined
    if (entry.type === 'released' && epoch !== undefined)
      this.#noteRelease(actor.peer, { ...entry, epoch }, true)
  }

  override received(actor: Actor, _from: PeerId, message: Message): void {
    if (message.type !== 'hello' || message.echoStorageId !== actor.storageId) return
    const { echoIncarnation, echoLsn, echoBeforeLsn } = message
    const isOwn = nodeId(actor.peer, echoIncarnation) === actor.node
    const seenLsn = isOwn ? echoBeforeLsn : echoLsn
    if (seenLsn > (this.#foundLsn[actor.index] ?? 0)) this.#warned.add(actor.node)
  }

  override durable(actor: Actor, lsn: Lsn): void {
    const pending = this.#pending[actor.index] ?? []
    let done = 0
    for (const { lsn: at, entry } of pending) {
      if (at > lsn) break
      this.#becameDurable(actor, entry)
      done += 1
    }
    pending.splice(0, done)
  }

  override checkpointed(actor: Actor, held: readonly Entry[]): void {
    this.#holdOnly(actor, held)
  }

  override lost(_index: number, voter: Voter): void {
    this.#lost.add(voter.storageId)
    for (const ledger of this.ledgers.values()) {
      const bit = ledger.bitOf(voter)
      if (bit === 0) continue
      ledger.lostBy |= bit
      forget(ledger, bit)
      if (ledger.isLost) ledger.wasLost = true
    }
  }

  override asked(actor: Actor, to: PeerId, message: Message): void {
    this.#actedAt.set(actor.node, this.#now())
    if (message.type === 'open') this.#learn(message)
    if (message.type === 'release') {
      this.#noteRelease(to, message, false)
      // Whoever is about to vote has not heard itself.
      const isVoter = this.votes(actor, message.ledger) === message.epoch
      if (!isVoter) this.#noteRelease(actor.peer, message, false)
    }
    if (message.type === 'claimed') this.#noteGrantAgain(actor, message)
    if (message.type !== 'claim' || message.ballot.proposer !== actor.node) return
    this.#claimBegins(message.ledger, message.ballot)
    this.ledger(message.ledger).asked.add(this.ballotKey(message.ballot))
  }

  override ran(actor: Actor, run: Run): void {
    const ledger = this.ledger(run.ledger)
    const key = this.ballotKey({ counter: run.token, proposer: actor.node })
    const claimedAt = ledger.claimedAt.get(key) ?? this.#now()
    for (const seq of seqsOf(run.seqs)) {
      const task = ledger.task(seq)
      const { index, node, peer } = actor
      const begun: RunHistory = {
        task,
        index,
        node,
        peer,
        token: run.token,
        ballotKey: key,
        direct: !ledger.asked.has(key),
        claimedAt,
        at: this.#now(),
        endedAt: Infinity,
        end: '',
      }
      task.runs.push(begun)
      this.#live.get(node)?.add(begun)
    }
  }

  override aborted(actor: Actor, { ledger, token, seqs }: Abort): void {
    this.#endRuns(actor, ledger, token, seqs, 'aborted')
  }

  override finished(actor: Actor, finished: Finished): void {
    const { ledger, token, seqs, kind, lengths, body } = finished
    let i = 0
    let from = 0
    for (const seq of seqsOf(seqs)) {
      const to = from + (lengths[i++] as number)
      const task = this.task(ledger, seq)
      if (kind === 'done') task.results.set(digestBytes(body, from, to), actor.peer)
      else if (kind === 'error' || kind === 'timeout') task.errors += 1
      task.ends.add(kind)
      from = to
    }
    this.#endRuns(actor, ledger, token, seqs, kind)
  }

  override cancelling(_actor: Actor, { ledger, seqs, reason }: Cancel): void {
    for (const seq of seqsOf(seqs)) this.task(ledger, seq).cancelReasons.add(digestBytes(reason))
  }

  override published(_actor: Actor, { parts }: Published): void {
    for (const { ledger, seqs } of parts) {
      for (const seq of seqsOf(seqs)) {
        const task = this.task(ledger, seq)
        task.ackedAt = Math.min(task.ackedAt, this.#now())
      }
    }
  }

  #learn({ ledger, epoch, producer, voters }: LedgerInfo): void {
    const history = this.ledger(ledger)
    history.learn({ ledger, epoch, producer, voters })
    // Somebody may not have heard yet that a peer has another storage.
    for (const voter of voters) {
      if (this.#lost.has(voter.storageId)) history.lostBy |= history.bitOf(voter)
    }
  }

  /** Somebody knows who votes in an epoch, for good. */
  #chosen(info: LedgerInfo): void {
    this.#learn(info)
    const ledger = this.ledger(info.ledger)
    ledger.chosen = Math.max(ledger.chosen, info.epoch)
  }

  #learnRecords(ledger: LedgerId, chunk: Chunk): void {
    let from = 0
    for (let i = 0; i < chunk.count; i++) {
      const task = this.task(ledger, chunk.first + i)
      const to = from + (chunk.lengths[i] as number)
      if (task.spec === undefined) {
        task.spec = chunk.spec
        const { fork } = chunk
        if (fork !== undefined) {
          this.task(fork.ledger, task.seq + fork.shift).later.push(task)
        }
        task.dueAt = this.#now() + chunk.delayMs
        task.delayMs = chunk.delayMs
        task.startBy = limitAt(chunk.startWithinMs, this.#now())
        task.endBy = limitAt(chunk.endWithinMs, this.#now())
        task.payloadDigest = digestBytes(chunk.payload, from, to)
        if (this.#plans) {
          task.plan = readPlan(chunk.payload, from)
          this.byUid[task.plan.uid] ??= task
        }
      }
      from = to
    }
  }

  /** An old copy must not vote; but its node learns of that only from a peer that has seen more of it. */
  #noteWord(actor: Actor, id: LedgerId): void {
    const ledger = this.ledger(id)
    const isOld = (ledger.bitOf(actor) & ledger.lostBy) !== 0
    if (isOld && !this.#warned.has(actor.node)) ledger.isMisled = true
  }

  #noteGrant(actor: Actor, { ledger, ballot, seqs }: GrantedEntry): void {
    const history = this.ledger(ledger)
    const bit = history.bitOf(actor)
    const key = this.ballotKey(ballot)
    // A claim begins when it is asked, or with the first vote where a producer has made it.
    this.#claimBegins(ledger, ballot)
    // Nobody is told where a voter grants a claim of its own again that it has taken over.
    const isOwn = this.votes(actor, ledger) !== undefined || ballot.proposer === actor.node
    for (const seq of seqsOf(seqs)) {
      history.task(seq).noteGrant(key, bit, isOwn)
    }
  }

  /** What a voter has taken over from another one it may grant again to the very same claim. */
  #noteGrantAgain(actor: Actor, { ledger, ballot, granted }: Claimed): void {
    const history = this.ledger(ledger)
    const key = this.ballotKey(ballot)
    for (const seq of seqsOf(granted)) {
      const { grants } = history.task(seq)
      const before = grants.get(key)
      if (before !== undefined) grants.set(key, before | history.bitOf(actor))
    }
  }

  #noteRelease(
    peer: PeerId,
    { ledger, epoch, ballot, seqs }: Pick<Release, 'ledger' | 'epoch' | 'ballot' | 'seqs'>,
    heard: boolean,
  ): void {
    const history = this.ledger(ledger)
    const bit = history.bitOfPeer(peer, epoch)
    const key = this.ballotKey(ballot)
    for (const seq of seqsOf(seqs)) {
      history.task(seq).noteRelease(key, bit, heard)
    }
  }

  #claimBegins(ledger: LedgerId, ballot: Ballot): void {
    const { claimedAt } = this.ledger(ledger)
    const key = this.ballotKey(ballot)
    if (!claimedAt.has(key)) claimedAt.set(key, this.#now())
  }

  /** The epoch that a node votes in, by what it has written; undefined if it does not vote. */
  votes({ index }: Actor, ledger: LedgerId): number | undefined {
    return this.#written.of(index, ledger)
  }

  #becameDurable(actor: Actor, entry: Entry): void {
    this.#onDisk.take(actor.index, entry)
    if (entry.type === 'accepted') this.#tally(actor, entry)
    else this.#hold(actor, entry)
  }

  #tally(actor: Actor, entry: AcceptedEntry): void {
    const ledger = this.ledger(entry.ledger)
    const epoch = this.#onDisk.of(actor.index, entry.ledger)
    // What a storage takes over from others before it votes is no vote.
    if (epoch === undefined) return
    const bit = ledger.bitOf(actor)
    const ballotKey = this.ballotKey(entry.ballot)
    const { counter } = entry.ballot
    for (const values of entry.values) {
      this.digests.forEach(values, (seq, digest) => {
        const task = ledger.task(seq)
        const mask = task.accept({ epoch, ballotKey, counter, digest }, bit)
        if (!ledger.isMajorityIn(epoch, mask)) return
        const at = this.#now()
        task.dueAt = Math.max(task.dueAt, at + values.delayMs)
        if (values.kind === 'pending')
          return this.onRetry(task, { digest, counter, failures: values.failures })
        const chosen = task.choose(digest, counter, at)
        if (chosen !== undefined) this.onChosen(task, chosen)
      })
    }
  }

  /** What a voter now has on its disk instead of all that it had. */
  #holdOnly(actor: Actor, entries: readonly Entry[]): void {
    for (const ledger of this.ledgers.values()) {
      const bit = ledger.bitOf(actor)
      if (bit !== 0) forget(ledger, bit)
    }
    for (const entry of entries) this.#hold(actor, entry)
  }

  #hold(actor: Actor, entry: Entry): void {
    if (entry.type === 'opened' || entry.type === 'installed') return this.#begin(actor, entry)
    if (!('ledger' in entry) || entry.type === 'submitted') return
    const ledger = this.ledger(entry.ledger)
    if (entry.type === 'moved') return forget(ledger, ledger.bitOf(actor))
    const bit = ledger.bitFor(actor)
    if (entry.type === 'retired') ledger.retiredBy |= bit
    for (const seqs of settledIn(entry)) {
      for (const seq of seqsOf(seqs)) {
        const task = ledger.task(seq)
        task.heldBy |= bit
        task.wasHeldBy |= bit
        task.settledBy |= bit
      }
    }
    if (entry.type === 'stored') {
      const { first, count } = entry.chunk
      for (let seq = first; seq < first + count; seq++) {
        const task = ledger.task(seq)
        task.heldBy |= bit
        task.wasHeldBy |= bit
      }
    }
  }

  #begin(actor: Actor, entry: OpenedEntry | InstalledEntry): void {
    this.#learn(entry)
    const ledger = this.ledger(entry.ledger)
    const bit = ledger.bitOf(actor)
    if (entry.type === 'opened') ledger.openedBy |= bit
    ledger.begin(entry.epoch, bit, this.#now())
  }

  #endRuns(actor: Actor, ledger: LedgerId, token: number, seqs: Ranges, end: string): void {
    const live = this.#live.get(actor.node)
    for (const seq of seqsOf(seqs)) {
      for (const run of this.task(ledger, seq).runs) {
        if (run.token !== token || run.node !== actor.node || run.endedAt < Infinity) continue
        this.#endRun(run, end)
        live?.delete(run)
      }
    }
  }

  #endRun(run: RunHistory, end: string): void {
    run.endedAt = this.#now()
    run.end = end
  }
}

/** Tasks that an entry says to be settled. */
function* settledIn(entry: Entry): Generator<Ranges> {
  if (entry.type === 'settled') for (const { seqs } of entry.outcomes) yield seqs
  if (entry.type === 'collected') for (const kind of collectedKinds) yield entry[kind]
}

/** A storage has nothing of a ledger. */
function forget(ledger: LedgerHistory, bit: number): void {
  ledger.openedBy &= ~bit
  for (const task of ledger.tasks()) {
    task.heldBy &= ~bit
    task.settledBy &= ~bit
  }
}
