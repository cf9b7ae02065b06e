import type { Abort, Run } from '../core/effects.ts'
import type { Finished, Reported } from '../core/inputs.ts'
import { contains, countOf, eachSeq, fromSeqs } from '../core/ranges.ts'
import { type Agenda, Call } from './agenda.ts'
import { type Behaviour, type Plan, readPlan } from './plans.ts'
import type { Prng } from './prng.ts'

/** Tasks that a node runs at the same time, per queue and in all. */
export interface Capacity {
  readonly queues: readonly { readonly queue: string; readonly concurrency: number }[]
  readonly concurrency: number
}

/** What a worker shares with its process. */
export interface WorkerInit {
  readonly agenda: Agenda
  readonly prng: Prng
  readonly now: () => number
  readonly capacity: Capacity
  /** Calls when the process is able to, which is later if it is paused. */
  readonly whenAble: (call: () => void) => void
  readonly finished: (finished: Finished) => void
  readonly reported: (reported: Reported) => void
  /** A task lets nothing else of its process run. */
  readonly blocked: (ms: number) => void
  /** A task takes its node down. */
  readonly killed: () => void
  /** How many runs of a task have thrown, anywhere. */
  readonly throwsOf: (uid: number) => number
}

const WAITING = 0
const RUNNING = 1
const ENDED = 2

const noBody = new Uint8Array(0)

/** The tasks of one run effect. */
interface Group {
  readonly run: Run
  readonly seqs: Uint32Array
  readonly offsets: Uint32Array
  readonly state: Uint8Array
  next: number
  open: number
}

/** The virtual handlers of one process: durations and outcomes stand in the payloads. */
export class Worker {
  readonly #init: WorkerInit
  readonly #groups: Group[] = []
  readonly #busy = new Map<string, number>()
  #running = 0
  #stopped = false
  #roomSince: number

  constructor(init: WorkerInit) {
    this.#init = init
    this.#roomSince = init.now()
  }

  /** Tasks that run now, of one queue. */
  busy(queue: string): number {
    return this.#busy.get(queue) ?? 0
  }

  /** Since when there has always been a free slot; Infinity if there is none. */
  get roomSince(): number {
    return this.#roomSince
  }

  run(run: Run): void {
    const seqs = new Uint32Array(countOf(run.seqs))
    let i = 0
    eachSeq(run.seqs, seq => {
      seqs[i++] = seq
    })
    const offsets = new Uint32Array(seqs.length)
    for (let at = 1; at < seqs.length; at++) {
      offsets[at] = (offsets[at - 1] as number) + (run.lengths[at - 1] as number)
    }
    const state = new Uint8Array(seqs.length)
    this.#groups.push({ run, seqs, offsets, state, next: 0, open: seqs.length })
    this.#groups.sort((a, b) => b.run.spec.priority - a.run.spec.priority)
    this.#startMore()
  }

  abort({ ledger, token, seqs }: Abort): void {
    for (const group of this.#groups) {
      if (group.run.token !== token || group.run.ledger !== ledger) continue
      for (let i = 0; i < group.seqs.length; i++) {
        if (contains(seqs, group.seqs[i] as number)) this.#end(group, i)
      }
    }
    this.#tidy()
  }

  /** Gives back what has not started. */
  drain(): void {
    this.#stopped = true
    for (const group of [...this.#groups]) {
      const waiting = indexesOf(group, WAITING)
      for (const i of waiting) this.#end(group, i)
      this.#report(group, 'released', waiting)
    }
    this.#groups.length = 0
  }

  /** The process is gone, and its runs with it. */
  stop(): void {
    this.#stopped = true
    this.#groups.length = 0
    this.#busy.clear()
    this.#running = 0
  }

  #startMore(): void {
    for (const group of this.#groups) {
      if (this.#stopped) return
      this.#startSome(group)
    }
  }

  #startSome(group: Group): void {
    const { queue } = group.run.spec
    const started: number[] = []
    while (group.next < group.seqs.length && this.#hasRoom(queue)) {
      const i = group.next++
      if (group.state[i] !== WAITING) continue
      group.state[i] = RUNNING
      this.#running += 1
      if (this.#running >= this.#init.capacity.concurrency) this.#roomSince = Infinity
      this.#busy.set(queue, this.busy(queue) + 1)
      started.push(i)
    }
    if (started.length > 0) this.#schedule(group, started)
    if (started.length > 0 && this.#init.prng.chance(0.1)) this.#progress(group, started)
  }

  /** Some handlers say something. */
  #progress({ run, seqs }: Group, started: readonly number[]): void {
    const { prng, agenda, now } = this.#init
    const seq = seqs[prng.pick(started)] as number
    const { ledger, token } = run
    const kind = prng.pick(['progress', 'log'] as const)
    const body = Uint8Array.of(prng.below(101))
    const say = (): void =>
      this.#init.reported({ type: 'reported', ledger, seq, token, kind, body })
    agenda.add(now() + prng.below(30), new Call(() => this.#init.whenAble(say)))
  }

  /** Tasks that end at the same moment are reported together. */
  #schedule(group: Group, started: readonly number[]): void {
    const { timeoutMs } = group.run.spec
    const byEnd = new Map<number, number[]>()
    const blocking: number[] = []
    for (const i of started) {
      const { behaviour, durationMs, throws } = readPlan(
        group.run.payload,
        group.offsets[i] as number,
      )
      if (behaviour === 'blocking' || (behaviour === 'poison' && throws > 0)) {
        blocking.push(durationMs)
      }
      let ms = behaviour === 'hanging' ? Infinity : durationMs
      if (timeoutMs > 0) ms = Math.min(ms, timeoutMs)
      if (ms === Infinity) continue
      const batch = byEnd.get(ms)
      if (batch === undefined) byEnd.set(ms, [i])
      else batch.push(i)
    }
    for (const [ms, batch] of byEnd) {
      const end = new Call(() => this.#init.whenAble(() => this.#complete(group, batch)))
      this.#init.agenda.add(this.#init.now() + ms, end)
    }
    // Only now: what a handler returns that has blocked its process is heard before any timer that is late.
    for (const ms of blocking) this.#init.blocked(ms)
  }

  #complete(group: Group, batch: readonly number[]): void {
    const byKind = new Map<Finished['kind'], number[]>()
    for (const i of batch) {
      if (group.state[i] !== RUNNING) continue
      const kind = this.#kindOf(group, i)
      if (kind === 'killed') return this.#init.killed()
      const some = byKind.get(kind)
      if (some === undefined) byKind.set(kind, [i])
      else some.push(i)
    }
    for (const some of byKind.values()) for (const i of some) this.#end(group, i)
    this.#tidy()
    for (const [kind, some] of byKind) this.#report(group, kind, some)
    this.#startMore()
  }

  #kindOf(group: Group, i: number): Finished['kind'] | 'killed' {
    const { spec, payload } = group.run
    const plan = readPlan(payload, group.offsets[i] as number)
    const isLate = spec.timeoutMs > 0 && plan.durationMs > spec.timeoutMs
    if (plan.behaviour !== 'poison' && (isLate || plan.behaviour === 'hanging')) return 'timeout'
    return endOf(plan.behaviour, plan.throws - this.#init.throwsOf(plan.uid))
  }

  #report(group: Group, kind: Finished['kind'], some: readonly number[]): void {
    if (some.length === 0) return
    const { ledger, token, payload } = group.run
    const bodies = some.map(i =>
      kind === 'released'
        ? noBody
        : this.#bodyOf(readPlan(payload, group.offsets[i] as number), token),
    )
    const lengths = Uint32Array.from(bodies, one => one.length)
    const body = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
    let at = 0
    for (const one of bodies) {
      body.set(one, at)
      at += one.length
    }
    const seqs = fromSeqs(some.map(i => group.seqs[i] as number))
    this.#init.finished({ type: 'finished', ledger, token, seqs, kind, lengths, body })
  }

  /** No two runs give the same result, so that it can be told which one was decided. */
  #bodyOf({ uid }: Plan, token: number): Uint8Array {
    const { prng } = this.#init
    const body = new Uint8Array(prng.chance(0.005) ? 50_000 : 12 + prng.below(8)).fill(token)
    const view = new DataView(body.buffer)
    // What begins with byte 0 names blobs.
    view.setUint32(0, 2 ** 31 + uid)
    view.setUint32(4, token)
    view.setUint32(8, prng.uint32())
    return body
  }

  #end(group: Group, i: number): void {
    const was = group.state[i]
    if (was === ENDED) return
    group.state[i] = ENDED
    group.open -= 1
    if (was !== RUNNING) return
    const { queue } = group.run.spec
    this.#running -= 1
    if (this.#roomSince === Infinity) this.#roomSince = this.#init.now()
    this.#busy.set(queue, this.busy(queue) - 1)
  }

  #tidy(): void {
    for (let i = this.#groups.length - 1; i >= 0; i--) {
      if (this.#groups[i]?.open === 0) this.#groups.splice(i, 1)
    }
    if (!this.#stopped) this.#startMore()
  }

  #hasRoom(queue: string): boolean {
    const { queues, concurrency } = this.#init.capacity
    if (this.#running >= concurrency) return false
    const own = queues.find(served => served.queue === queue)
    return this.busy(queue) < (own?.concurrency ?? 0)
  }
}

function indexesOf(group: Group, state: number): number[] {
  const indexes: number[] = []
  group.state.forEach((is, i) => {
    if (is === state) indexes.push(i)
  })
  return indexes
}

function endOf(behaviour: Behaviour, throwsLeft: number): Finished['kind'] | 'killed' {
  switch (behaviour) {
    case 'done':
    case 'blocking':
      return 'done'
    case 'flaky':
      return throwsLeft > 0 ? 'error' : 'done'
    case 'failing':
      return 'error'
    case 'unrecoverable':
      return 'unrecoverable'
    case 'unfit':
      return 'result'
    case 'hanging':
      return 'timeout'
    case 'poison':
      return 'killed'
    default:
      return behaviour satisfies never
  }
}
