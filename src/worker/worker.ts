import type { Run } from '../core/effects.ts'
import { contains, type Ranges, seqsOf } from '../core/ranges.ts'
import type { Worker, WorkerEvents } from '../driver/ports.ts'
import { taskId } from '../core/ids.ts'
import { systemTimers } from '../time/system-timers.ts'
import type { Timers } from '../time/timers.ts'
import type { AttemptHost, AttemptName } from './attempt.ts'
import { Batch } from './batch.ts'
import { Claim, type Running, type RunOwner, type RunPlace } from './claim.ts'
import { CommandRunner } from './command-runner.ts'
import { FetchedRun, type Starting } from './fetched-run.ts'
import { InlineRunner } from './inline-runner.ts'
import { type Lane, lanesOf } from './lane.ts'
import { ModulePool } from './module-pool.ts'
import { ShellRunner } from './shell-runner.ts'
import type { WorkerInit } from './worker-init.ts'

/**
 * A worker for the driver. It tells the driver nothing from within a call of the driver's: runs
 * start, and their ends are given out, in turns of their own.
 *
 * @throws {InvalidParametersError} Two handlers have the same queue.
 */
export function createWorker(init: WorkerInit): Worker {
  return new HandlerWorker(init)
}

/** Longest time that handlers run on the main loop before I/O has its turn, in milliseconds. */
const sliceMs = 5

/** Shortest time between two warnings about a queue that blocks the loop, in milliseconds. */
const warnEveryMs = 60_000

class HandlerWorker implements Worker {
  readonly #init: WorkerInit
  readonly #blockMs: number
  readonly #timers: Timers
  readonly #lanes: ReadonlyMap<string, Lane>
  readonly #inline: InlineRunner
  readonly #commands: CommandRunner
  readonly #shell: ShellRunner | undefined
  readonly #claims = new Map<string, Claim>()
  /** Claims with results to give out. */
  readonly #ripe = new Set<Claim>()
  readonly #idle = Promise.withResolvers<void>()
  /** Highest priority first, then as they came. */
  #batches: Batch[] = []
  /** Rises whenever another batch may have to come first. */
  #changes = 0
  #free: number
  #active = 0
  /** The batch whose handler is being called, and why that run was stopped from within. */
  #calling: Batch | undefined
  #stopped: string | undefined
  #events: WorkerEvents | undefined
  #modules: ModulePool | undefined
  /** Takes the turn back that is due. */
  #turn: (() => void) | undefined
  #draining = false
  #stopping: Promise<void> | undefined

  constructor(init: WorkerInit) {
    this.#init = init
    this.#blockMs = init.blockMs ?? 1_000
    this.#timers = init.timers ?? systemTimers
    this.#lanes = lanesOf(init)
    this.#free = init.concurrency
    const limits = {
      maxResultBytes: init.maxResultBytes ?? 65_536,
      graceMs: init.graceMs ?? 5_000,
      maxOutputBytes: init.maxOutputBytes ?? 4 * 2 ** 30,
      blobs: init.blobs,
      timers: this.#timers,
    }
    const host: AttemptHost = {
      node: init.node,
      timers: this.#timers,
      report: (attempt, kind, body) => this.#report(attempt, kind, body),
      publish: (task, input, options) => init.publish(task, input, options),
    }
    this.#inline = new InlineRunner(limits, this.#owner, host)
    this.#commands = new CommandRunner(limits, this.#owner, host)
    const { shellRuns } = init
    this.#shell = shellRuns && new ShellRunner(limits, this.#owner, host, shellRuns)
  }

  async start(events: WorkerEvents): Promise<void> {
    this.#events = events
    const some = [...this.#lanes.values()].some(lane => lane.handler.type === 'module')
    if (some) this.#modules = this.#createModules()
  }

  run(run: Run): void {
    if (this.#events === undefined) return
    const claim = this.#claimOf(run.ledger, run.token)
    const lane = this.#lanes.get(run.spec.queue)
    if (lane === undefined || this.#draining) {
      this.#release(claim, run.seqs)
      return
    }
    const batch = new Batch(run, claim, lane)
    // Few claims wait at a time, so they are looked through.
    const behind = this.#batches.findIndex(other => other.priority < batch.priority)
    this.#batches.splice(behind < 0 ? this.#batches.length : behind, 0, batch)
    this.#changes++
    this.#schedule()
  }

  abort(ledger: string, token: number, seqs: Ranges, reason: string): void {
    const claim = this.#claims.get(keyOf(ledger, token))
    if (claim === undefined) return
    for (const batch of this.#batches) if (batch.claim === claim) batch.drop(seqs)
    this.#batches = this.#batches.filter(batch => batch.left > 0)
    this.#changes++
    const calling = this.#calling
    if (calling?.claim === claim && contains(seqs, calling.seq)) this.#stopped = reason
    claim.abort(seqs, reason)
    this.#forget(claim)
  }

  drain(): void {
    this.#draining = true
    this.#changes++
    const batches = this.#batches
    this.#batches = []
    for (const batch of batches) this.#release(batch.claim, batch.rest())
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#end()
    await this.#stopping
  }

  async #end(): Promise<void> {
    if (this.#events === undefined) return
    this.#events = undefined
    this.#turn?.()
    this.#batches = []
    this.#changes++
    if (this.#calling !== undefined) this.#stopped = 'leaving'
    for (const claim of this.#claims.values()) claim.stop('leaving')
    // Bounded, since after the grace period a run takes no slot any more.
    if (this.#active > 0) await this.#idle.promise
    await Promise.all([this.#modules?.stop(), this.#commands.stop(), this.#shell?.stop()])
  }

  readonly #onTurn = (): void => {
    const more = this.#pump()
    // From here on, what comes needs another turn.
    this.#turn = undefined
    this.#flush()
    if (more) this.#schedule()
  }

  #schedule(): void {
    if (this.#events !== undefined) this.#turn ??= this.#timers.soon(this.#onTurn)
  }

  /** Starts what there are slots for. True when its time was up before that. */
  #pump(): boolean {
    const until = this.#timers.now() + sliceMs
    while (this.#free > 0) {
      const batch = this.#batches.find(batch => batch.lane.free > 0)
      if (batch === undefined) return false
      if (!this.#drive(batch, until)) return true
    }
    return false
  }

  /** Starts tasks of one batch. False when time is up. */
  #drive(batch: Batch, until: number): boolean {
    const { lane } = batch
    const changes = this.#changes
    let now = this.#timers.now()
    while (batch.left > 0 && lane.free > 0 && this.#free > 0) {
      const began = now
      batch.take()
      this.#start(batch)
      now = this.#timers.now()
      if (now - began > this.#blockMs) this.#warnBlocked(batch, now, now - began)
      if (now >= until || changes !== this.#changes) break
    }
    if (batch.left === 0) this.#batches = this.#batches.filter(other => other !== batch)
    return now < until
  }

  #start(batch: Batch): void {
    const { claim, lane, seq } = batch
    this.#calling = batch
    const running = this.#fetch(batch) ?? this.#call(batch)
    this.#calling = undefined
    if (running !== undefined) this.#occupy(claim, lane, seq, running)
    else if (this.#stopped !== undefined) this.#forget(claim)
    this.#stopped = undefined
  }

  /** A run whose payload has to come first. */
  #fetch(batch: Batch): Running | undefined {
    const { reference } = batch
    const { blobs } = this.#init
    if (reference === undefined || blobs === undefined) return undefined
    const { ledger, seq, token, attempt, timeoutMs, claim, lane } = batch
    const task = { ledger, seq, token, attempt, timeoutMs, claim, lane }
    const start = (whole: Starting): Running | undefined => this.#call(whole)
    return new FetchedRun({
      ...{ task, reference, blobs, start },
      owner: this.#owner,
      timers: this.#timers,
    })
  }

  #call(task: Starting): Running | undefined {
    const { handler } = task.lane
    switch (handler.type) {
      case 'inline':
        return this.#inline.start(task, handler.definition)
      case 'module':
        return this.#modules?.start(task, handler.handler)
      case 'command':
        return this.#commands.start(task, handler.handler)
      case 'shell':
        return this.#shell?.start(task)
      default:
        return handler satisfies never
    }
  }

  #occupy(claim: Claim, lane: Lane, seq: number, running: Running): void {
    this.#active++
    this.#free--
    lane.free--
    claim.running.set(seq, running)
    if (this.#stopped !== undefined) running.abort(this.#stopped)
  }

  readonly #owner: RunOwner = {
    ended: ({ claim, seq }, { kind, body }) => {
      if (this.#stopped !== undefined || this.#events === undefined) return
      claim.results.add(kind, seq, body)
      this.#ripen(claim)
    },
    over: ({ claim, lane, seq }) => {
      this.#active--
      this.#free++
      lane.free++
      claim.running.get(seq)?.release?.()
      claim.running.delete(seq)
      this.#forget(claim)
      this.#schedule()
      if (this.#events === undefined && this.#active === 0) this.#idle.resolve()
    },
    warn: message => this.#init.logger.warn(message),
  }

  /** Gives tasks back that have not started. */
  #release(claim: Claim, seqs: Ranges): void {
    for (const seq of seqsOf(seqs)) claim.results.add('released', seq, '')
    this.#ripen(claim)
  }

  #ripen(claim: Claim): void {
    this.#ripe.add(claim)
    this.#schedule()
  }

  #flush(): void {
    const ripe = [...this.#ripe]
    this.#ripe.clear()
    for (const claim of ripe) {
      for (const finished of claim.results.take(claim.ledger, claim.token)) {
        this.#events?.finished(finished)
      }
      this.#forget(claim)
    }
  }

  #report(run: AttemptName, kind: 'progress' | 'log', body: string): void {
    const { ledger, seq, token } = run
    this.#events?.reported({
      type: 'reported',
      ledger,
      seq,
      token,
      kind,
      body: encoder.encode(body),
    })
  }

  #claimOf(ledger: string, token: number): Claim {
    const key = keyOf(ledger, token)
    let claim = this.#claims.get(key)
    if (claim === undefined) {
      claim = new Claim(ledger, token)
      this.#claims.set(key, claim)
    }
    return claim
  }

  #forget(claim: Claim): void {
    if (claim.running.size > 0 || !claim.results.empty) return
    if (this.#calling?.claim === claim || this.#batches.some(batch => batch.claim === claim)) return
    this.#claims.delete(keyOf(claim.ledger, claim.token))
  }

  #warnBlocked({ lane, claim, seq }: RunPlace, now: number, blockedMs: number): void {
    if (now - lane.warnedAt < warnEveryMs) return
    lane.warnedAt = now
    const task = taskId(claim.ledger, seq)
    this.#init.logger.warn(
      `Handler of ${lane.queue} blocked the main loop for ${Math.round(blockedMs)} ms ` +
        `(task ${task}); as a module file it would run in a thread`,
    )
  }

  #createModules(): ModulePool {
    const init = this.#init
    return new ModulePool({
      node: init.node,
      isolate: init.isolate ?? 'thread',
      count: init.concurrency,
      maxResultBytes: init.maxResultBytes ?? 65_536,
      graceMs: init.graceMs ?? 5_000,
      startMs: init.startMs ?? 30_000,
      idleMs: init.idleMs ?? 60_000,
      resourceLimits: init.resourceLimits,
      blobs: init.blobs,
      owner: this.#owner,
      report: (run, kind, body) => this.#report(run, kind, body),
      publish: (queue, input, options) => init.publish(queue, input, options),
    })
  }
}

function keyOf(ledger: string, token: number): string {
  return `${ledger}.${token}`
}

const encoder = new TextEncoder()
