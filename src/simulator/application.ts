import type { CancelEnded, Effect, Published, PublishRefused } from '../core/effects.ts'
import type { LedgerId } from '../core/ids.ts'
import type { Publish } from '../core/inputs.ts'
import type { TaskSpec } from '../core/messages.ts'
import type { Timing } from '../core/timing.ts'
import { bitsIn } from '../core/quorum.ts'
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

const dayMs = 86_400_000

/** Tasks to publish together. */
export interface Batch {
  readonly spec: TaskSpec
  readonly timing: Timing
  readonly plans: readonly Omit<Plan, 'uid'>[]
  /** Longest filler behind a plan in the payload, in bytes. */
  readonly fillBytes: number
  /** Voters that must hold it before it is published; 0 for a majority. */
  readonly copies: number
  /** Whether it is one task with a key, which is published again and again. */
  readonly keyed: boolean
}

/** A publish request that has not been answered. */
interface Publishing {
  readonly input: Publish
  readonly plans: readonly Plan[]
  /** What is published under a key, and the task that it was called. */
  readonly keyed: { task: TaskHistory | undefined } | undefined
  /** Whether the key names another task, so that nothing may be published. */
  readonly contradicts: boolean
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
  /** What has been published under a key since the node has its disk. */
  #keyed: Publishing[] = []
  #session: Session = newSession()
  /** Called when a publish request has been answered. */
  onPublished: (tasks: readonly TaskHistory[]) => void = () => {}

  constructor(world: World, node: SimulatedNode, nextUid: () => number) {
    this.#world = world
    this.#node = node
    this.#nextUid = nextUid
    this.#prng = Prng.named(world.options.seed, `application ${node.index}`)
  }

  publish({ spec, timing, plans, fillBytes, copies, keyed }: Batch): void {
    if (!this.#node.running) return
    const numbered = plans.map(plan => ({ ...plan, uid: this.#nextUid() }))
    const columns = payloadsOf(numbered, fillBytes, this.#prng)
    const base: Publish = { type: 'publish', request: 0, spec, timing, ...columns, copies }
    // Where a guest publishes again it may have another host, which does not know the key.
    const [first] = this.#node.guest || !keyed ? [] : numbered
    const key = first === undefined ? undefined : { key: `task ${first.uid}`, digest: 'first' }
    const named = key === undefined ? undefined : { task: undefined }
    const input = { ...base, key }
    const publishing = { input, plans: numbered, keyed: named, contradicts: false }
    if (key !== undefined) this.#keyed.push(publishing)
    this.#ask(publishing)
  }

  /** Publishes a task that has a key again, or another one under its key. */
  publishAgain(prng: Prng): void {
    if (!this.#node.running || this.#keyed.length === 0) return
    const publishing = prng.pick(this.#keyed)
    const { input, plans, keyed } = publishing
    const { key } = input.key ?? { key: '' }
    if (keyed?.task === undefined || prng.chance(0.5)) return this.#ask(publishing)
    const other = plans.map(plan => ({ ...plan, uid: this.#nextUid() }))
    const columns = payloadsOf(other, 0, this.#prng)
    const contradicting = { ...input, ...columns, key: { key, digest: 'other' } }
    this.#ask({ input: contradicting, plans: other, keyed, contradicts: true })
  }

  /** With its disk a node loses what it knows of keys. */
  lostDisk(): void {
    this.#keyed = []
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
    // Whoever has not been answered asks again.
    for (const publishing of this.#keyed) this.#ask(publishing)
  }

  /** Whether something is published here that nobody has acknowledged yet. */
  get isPublishing(): boolean {
    return this.#node.running && this.#session.publishing.size > 0
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
    for (const [request, { ledger, gaveUp }] of cancelling) {
      if (!gaveUp && ledgers.get(ledger)?.isLost !== true)
        yield `${peer}: cancel ${request} is unanswered`
    }
    for (const task of watched) {
      if (learned.has(task) || isForgotten(task.ledger)) continue
      // That the outcome of a later generation is collected is told to nobody who comes then.
      const isKept = this.#world.options.keepMs >= dayMs
      const goesOn = isKept && task.later.some(one => isTold(one) && !isForgotten(one.ledger))
      if (task.ledger.isLost && !goesOn) continue
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
        this.#refused(effect)
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
        count('report', effect.event.type)
        break
    }
  }

  #ask(publishing: Publishing): void {
    const request = ++this.#session.requests
    const input = { ...publishing.input, request }
    this.#session.publishing.set(request, { ...publishing, input })
    this.#node.input(input)
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
    if (asked.keyed !== undefined && !this.#checkKey(asked, tasks[0])) return
    asked.plans.forEach((plan, i) => {
      const task = tasks[i]
      const once = actor.guest || asked.keyed !== undefined || history.byUid[plan.uid] === task
      if (task?.plan?.uid !== plan.uid || !once) {
        this.#violation(
          'publish',
          `${actor.peer} calls task ${plan.uid} ${task?.name ?? 'nothing'}`,
        )
      }
    })
    if (tasks.length !== asked.plans.length) {
      this.#violation('publish', `${tasks.length} tasks for ${asked.plans.length}`)
    }
    if (!tasks.every(task => isHeldBy(task, asked.input.copies ?? 0))) {
      this.#violation('S5', `Publish ${request} asks for more copies than there are`)
    }
    this.#own.push(...tasks.filter(task => asked.keyed === undefined || !this.#own.includes(task)))
    this.watch(tasks)
    this.#world.count('published')
    this.onPublished(tasks)
  }

  /** Whether a key still names the task that it named, as long as anything is left of that. */
  #checkKey({ input, keyed, contradicts }: Publishing, task: TaskHistory | undefined): boolean {
    const before = keyed?.task
    const { key = '' } = input.key ?? {}
    if (!isForgotten(before) && before !== undefined && (contradicts || before !== task)) {
      const name = contradicts ? 'another record' : (task?.name ?? 'nothing')
      this.#violation('publish', `Key '${key}' names ${before.name}, and then ${name}`)
    }
    if (keyed !== undefined && !contradicts) keyed.task = task
    if (before !== undefined) this.#world.count('key met again')
    return !contradicts
  }

  #refused({ request, reason, retryMs }: PublishRefused): void {
    const asked = this.#session.publishing.get(request)
    if (asked === undefined) return this.#violation('publish', `Refusal ${request} answers nothing`)
    if (reason === 'conflict') {
      this.#session.publishing.delete(request)
      // What the key once named may be forgotten, and the key name what contradicts it by now.
      const isExcused = asked.contradicts || isForgotten(asked.keyed?.task)
      if (!isExcused) this.#violation('publish', `Publish ${request} is no conflict`)
      return this.#world.count('key conflict')
    }
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

/** Whether so many voters hold a task, or have lost their disks since they did; or it is decided. */
function isHeldBy({ heldBy, ledger, decided }: TaskHistory, copies: number): boolean {
  const held = bitsIn(heldBy | ledger.lostBy) >= copies
  return held || decided !== undefined || ledger.retiredBy !== 0
}

/** Whether who waits for a task may expect to hear of its outcome. */
function isTold({ decided, ledger }: TaskHistory): boolean {
  return decided !== undefined && !ledger.isLost
}

/** Whether there may be nobody who knows of a task any more. */
function isForgotten(task: TaskHistory | undefined): boolean {
  return task !== undefined && task.ledger.retiredBy !== 0
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
