import type { CancelEnded, Effect, Published } from '../core/effects.ts'
import type { LedgerId } from '../core/ids.ts'
import type { Publish } from '../core/inputs.ts'
import type { TaskSpec } from '../core/messages.ts'
import type { Timing } from '../core/timing.ts'
import { fromSeqs, type Ranges, seqsOf, subtract, union } from '../core/ranges.ts'
import type { SimulatedNode } from './node.ts'
import type { Actor } from './observer.ts'
import { payloadsOf, type Plan } from './plans.ts'
import { Prng } from './prng.ts'
import type { LedgerHistory, TaskHistory } from './task-history.ts'
import type { World } from './world.ts'

/** Effects that concern the application. */
export type ApplicationEffect = Extract<
  Effect,
  {
    type:
      | 'published'
      | 'publish-refused'
      | 'outcomes'
      | 'outcomes-collected'
      | 'cancel-ended'
      | 'progress-seen'
      | 'report'
  }
>

/** Tasks to publish together. */
export interface Batch {
  readonly spec: TaskSpec
  readonly timing: Timing
  readonly plans: readonly Omit<Plan, 'uid'>[]
  /** Longest filler behind a plan in the payload, in bytes. */
  readonly fillBytes: number
}

/** A publish request that has not been answered. */
interface Publishing {
  readonly input: Publish
  readonly plans: readonly Plan[]
}

/** What users of one process wait for. It ends with the process. */
interface Session {
  readonly publishing: Map<number, Publishing>
  readonly cancelling: Map<number, { readonly ledger: LedgerId; seqs: Ranges; gaveUp: boolean }>
  readonly watched: Set<TaskHistory>
  readonly learned: Set<TaskHistory>
  requests: number
}

/** The application on one node: it publishes, cancels and watches, and remembers what it is owed. */
export class Application {
  readonly #world: World
  readonly #node: SimulatedNode
  readonly #nextUid: () => number
  readonly #prng: Prng
  /** Tasks that were acknowledged to users of this node, in whatever process. */
  readonly #own: TaskHistory[] = []
  #session: Session = newSession()
  /** Called when a publish request has been answered. */
  onPublished: (tasks: readonly TaskHistory[]) => void = () => {}

  constructor(world: World, node: SimulatedNode, nextUid: () => number) {
    this.#world = world
    this.#node = node
    this.#nextUid = nextUid
    this.#prng = Prng.named(world.options.seed, `application ${node.index}`)
  }

  publish({ spec, timing, plans, fillBytes }: Batch): void {
    if (!this.#node.running) return
    const numbered = plans.map(plan => ({ ...plan, uid: this.#nextUid() }))
    const request = ++this.#session.requests
    const columns = payloadsOf(numbered, fillBytes, this.#prng)
    const input: Publish = { type: 'publish', request, spec, timing, ...columns }
    this.#session.publishing.set(request, { input, plans: numbered })
    this.#node.input(input)
  }

  cancel(tasks: readonly TaskHistory[]): void {
    for (const [ledger, seqs] of byLedger(tasks)) this.#cancel(ledger, seqs)
  }

  watch(tasks: readonly TaskHistory[]): void {
    if (!this.#node.running) return
    for (const [ledger, seqs] of byLedger(tasks)) {
      this.#node.input({ type: 'watch-tasks', ledger, seqs, progress: false })
    }
    for (const task of tasks) this.#session.watched.add(task)
  }

  /** Stops waiting for tasks that were published elsewhere. */
  unwatch(tasks: readonly TaskHistory[]): void {
    if (!this.#node.running) return
    const others = tasks.filter(task => !this.#own.includes(task))
    for (const [ledger, seqs] of byLedger(others)) {
      this.#node.input({ type: 'unwatch-tasks', ledger, seqs })
    }
    for (const task of others) this.#session.watched.delete(task)
  }

  /** A new process knows nothing of what users of the one before had waited for. */
  began(): void {
    this.#session = newSession()
    this.watch(this.#own)
  }

  /** What users of this node are still owed, but for what nobody can know any more. */
  *owed(isForgotten: (ledger: LedgerHistory) => boolean): Generator<string> {
    const { peer, running } = this.#node
    if (!running) return
    const { publishing, cancelling, watched, learned } = this.#session
    const { ledgers } = this.#world.history
    // A publish in a ledger that has lost its majority waits for ever.
    const mayWait = [...ledgers.values()].some(ledger => ledger.isLost)
    if (!mayWait) {
      for (const request of publishing.keys()) yield `${peer}: publish ${request} is unanswered`
    }
    for (const [request, { gaveUp }] of cancelling) {
      if (!gaveUp) yield `${peer}: cancel ${request} is unanswered`
    }
    for (const task of watched) {
      if (learned.has(task) || task.ledger.isLost || isForgotten(task.ledger)) continue
      yield `${peer}: the outcome of ${task.name} has not arrived`
    }
  }

  effect(actor: Actor, effect: ApplicationEffect): void {
    const { observers, count } = this.#world
    switch (effect.type) {
      case 'published':
        observers.published(actor, effect)
        this.#published(actor, effect)
        break
      case 'publish-refused':
        this.#refused(effect.request, effect.retryMs)
        break
      case 'outcomes':
        observers.outcomes(actor, effect)
        for (const { seqs } of effect.values) {
          for (const seq of seqsOf(seqs)) {
            this.#session.learned.add(this.#world.history.task(effect.ledger, seq))
          }
        }
        break
      case 'outcomes-collected':
        count('outcome collected before it was told')
        observers.outcomesCollected(actor, effect)
        for (const seq of seqsOf(effect.seqs)) {
          this.#session.learned.add(this.#world.history.task(effect.ledger, seq))
        }
        break
      case 'cancel-ended':
        this.#cancelEnded(actor, effect)
        break
      case 'progress-seen':
        count('progress seen')
        break
      case 'report':
        count(`report ${effect.event.type}`)
        break
    }
  }

  #cancel(ledger: LedgerId, seqs: Ranges): void {
    const { actor } = this.#node
    if (actor === undefined) return
    const request = ++this.#session.requests
    const reason = Uint8Array.of(request & 0xff, this.#node.index)
    const input = { type: 'cancel', request, ledger, seqs, reason } as const
    this.#session.cancelling.set(request, { ledger, seqs, gaveUp: false })
    this.#world.observers.cancelling(actor, input)
    this.#node.input(input)
  }

  #published(actor: Actor, { request, parts }: Published): void {
    const asked = this.#session.publishing.get(request)
    if (asked === undefined) {
      this.#violation('publish', `${actor.peer} answers publish ${request}, which nobody waits for`)
      return
    }
    this.#session.publishing.delete(request)
    const { history } = this.#world
    const tasks = parts.flatMap(({ ledger, seqs }) =>
      Array.from(seqsOf(seqs), seq => history.task(ledger, seq)),
    )
    asked.plans.forEach((plan, i) => {
      const task = tasks[i]
      if (task?.plan?.uid !== plan.uid || (!actor.guest && history.byUid[plan.uid] !== task)) {
        this.#violation(
          'publish',
          `${actor.peer} calls task ${plan.uid} ${task?.name ?? 'nothing'}`,
        )
      }
    })
    if (tasks.length !== asked.plans.length) {
      this.#violation('publish', `${tasks.length} tasks for ${asked.plans.length}`)
    }
    this.#own.push(...tasks)
    // A full node learns the outcomes of its own ledger without asking.
    if (actor.guest) this.watch(tasks)
    else for (const task of tasks) this.#session.watched.add(task)
    this.#world.count('published')
    this.onPublished(tasks)
  }

  #refused(request: number, retryMs: number): void {
    const asked = this.#session.publishing.get(request)
    if (asked === undefined) return this.#violation('publish', `Refusal ${request} answers nothing`)
    this.#world.count('publish refused')
    const session = this.#session
    this.#world.after(retryMs, () => {
      if (this.#session === session) this.#node.input(asked.input)
    })
  }

  #cancelEnded(actor: Actor, ended: CancelEnded): void {
    const asked = this.#session.cancelling.get(ended.request)
    if (asked === undefined) {
      this.#violation('publish', `${actor.peer} answers cancel ${ended.request} once too often`)
      return
    }
    // Answers come in parts; an empty one says that for a part nothing can be done now.
    const answered = union(ended.cancelled, ended.tooLate)
    asked.seqs = subtract(asked.seqs, answered)
    if (answered.length === 0) asked.gaveUp = true
    if (asked.seqs.length === 0) this.#session.cancelling.delete(ended.request)
    this.#world.observers.cancelEnded(actor, { ...ended, ledger: asked.ledger })
    this.#world.count(ended.cancelled.length > 0 ? 'cancelled' : 'cancelled too late')
  }

  #violation(property: string, message: string): void {
    this.#world.report({ property, atMs: this.#world.now(), message })
  }
}

function newSession(): Session {
  return {
    publishing: new Map(),
    cancelling: new Map(),
    watched: new Set(),
    learned: new Set(),
    requests: 0,
  }
}

function byLedger(tasks: readonly TaskHistory[]): Map<LedgerId, number[]> {
  const seqs = new Map<LedgerId, number[]>()
  for (const { ledger, seq } of tasks) {
    const some = seqs.get(ledger.id)
    if (some === undefined) seqs.set(ledger.id, [seq])
    else some.push(seq)
  }
  for (const [ledger, some] of seqs)
    seqs.set(ledger, fromSeqs([...new Set(some)].sort((a, b) => a - b)))
  return seqs
}
