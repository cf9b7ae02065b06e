import { Channel } from '../channel.ts'
import { printable } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import type { Reply } from '../requests.ts'
import { CollectedOutput } from '../run/collected-output.ts'
import { exitCodeOf, hasSucceeded, remarkOn, signalNumber } from '../run/ending.ts'
import type { EndedReply, OutputReply, RunInput } from '../run/requests.ts'
import { type HaltRule, isHalted } from './halt.ts'
import type { JoblogFile } from './joblog-file.ts'
import type { MapTask } from './map-tasks.ts'
import { progressLine, type StatusLine } from './progress-line.ts'

export interface MapRunInit {
  readonly output: Output
  readonly halt: HaltRule
  readonly joblog: JoblogFile | undefined
  readonly status: StatusLine | undefined
}

/** Tasks that are published and have not ended, at most; a batch may come on top. */
const outstandingMax = 10_000

/** A task that has not been shown. */
interface Unshown {
  readonly task: MapTask
  readonly collected: CollectedOutput
  ended?: EndedReply
}

/** The tasks of a `map` on their way: hands them out, and tells what comes back. */
export class MapRun {
  /** What the node is told. */
  readonly inputs = new Channel<RunInput>()
  readonly #init: MapRunInit
  readonly #began = performance.now()
  readonly #unshown = new Map<number, Unshown>()
  /** What has been remarked on tasks, each remark once. */
  readonly #remarks = new Set<string>()
  #outstanding = 0
  #onFewer: (() => void) | undefined
  #succeeded = 0
  #failed = 0
  #total: number | undefined
  #isHalted = false

  constructor(init: MapRunInit) {
    this.#init = init
  }

  /** Hands out tasks as long as there are some, and not too many at a time. */
  async feed(batches: AsyncIterable<readonly MapTask[]>): Promise<void> {
    let count = 0
    for await (const tasks of batches) {
      while (this.#outstanding >= outstandingMax && !this.#isHalted) await this.#fewer()
      if (this.#isHalted) break
      for (const task of tasks) {
        this.#unshown.set(task.seq, { task, collected: new CollectedOutput() })
        this.inputs.push(task)
      }
      count += tasks.length
      this.#outstanding += tasks.length
    }
    this.#total = count
    this.inputs.push({ type: 'last' })
    // A share of the tasks can be told from now on.
    this.#haltIfDue()
  }

  /** Takes what the node tells. */
  async take(reply: Reply): Promise<void> {
    switch (reply.type) {
      case 'ended':
        this.#end(reply)
        break
      case 'output':
        await this.#write(reply)
        break
      case 'shown':
        this.#show(reply.seq)
        break
      default:
        break
    }
  }

  /** The exit code, when all is over. */
  get exitCode(): number {
    const { halt } = this.#init
    const hasWhatItWants = this.#isHalted && halt.when !== 'never' && halt.counts === 'success'
    return this.#failed > 0 && !hasWhatItWants ? exitCodes.failed : exitCodes.ok
  }

  #end(ended: EndedReply): void {
    const unshown = this.#unshown.get(ended.seq)
    if (unshown === undefined) return
    unshown.ended = ended
    this.#outstanding--
    this.#onFewer?.()
    // What was cancelled is neither: it can be run when the rest is.
    if (ended.state === 'cancelled') return
    if (hasSucceeded(ended)) this.#succeeded++
    else this.#failed++
    this.#log(unshown.task, ended)
    this.#haltIfDue()
    this.#showProgress()
  }

  async #write(reply: OutputReply): Promise<void> {
    const { output, status } = this.#init
    if (output.json) {
      this.#unshown.get(reply.seq)?.collected.add(reply)
      return
    }
    status?.clear()
    await output.bytes(reply.stream, Buffer.from(reply.base64, 'base64'))
  }

  /** All output of a task has been told. */
  #show(seq: number): void {
    const { output, status } = this.#init
    const unshown = this.#unshown.get(seq)
    this.#unshown.delete(seq)
    if (unshown?.ended === undefined || unshown.ended.state === 'cancelled') return
    const { task, ended, collected } = unshown
    const { type: _, ...rest } = ended
    const { args, command } = task
    const { stdout, stderr } = collected
    if (output.json) output.result({ args, command, ...rest, stdout, stderr }, undefined)
    const remark = remarkOn(ended)
    if (remark !== undefined && !this.#remarks.has(remark)) {
      status?.clear()
      this.#remarks.add(remark)
      output.error(new Error(`${printable(command)}: ${remark}`))
    }
    this.#showProgress()
  }

  #log({ seq, command }: MapTask, ended: EndedReply): void {
    const { node = '', runMs, receivedBytes, sentBytes, signal } = ended
    const hasNoCode = ended.timedOut || ended.state !== 'done'
    this.#init.joblog?.add({
      ...{ seq, command, host: node, runMs, receivedBytes, sentBytes },
      startedAt: (Date.now() - runMs) / 1_000,
      // Of a command that a signal has ended, GNU Parallel tells that alone.
      exitCode: hasNoCode ? -1 : signal === null ? exitCodeOf(ended) : 0,
      signal: signalNumber(signal),
    })
  }

  #haltIfDue(): void {
    const { halt, output, status } = this.#init
    if (this.#isHalted || halt.when === 'never') return
    const tally = { failed: this.#failed, succeeded: this.#succeeded, total: this.#total }
    if (!isHalted(halt, tally)) return
    this.#isHalted = true
    this.inputs.push({ type: 'halt', when: halt.when })
    this.#onFewer?.()
    status?.clear()
    const rest = halt.when === 'now' ? 'ending what runs' : 'waiting for what runs'
    output.note(`halt: ${this.#failed} failed, ${this.#succeeded} succeeded; ${rest}`)
  }

  #showProgress(): void {
    const done = this.#failed + this.#succeeded
    const elapsedMs = performance.now() - this.#began
    const progress = { done, failed: this.#failed, total: this.#total, elapsedMs }
    this.#init.status?.show(progressLine(progress))
  }

  async #fewer(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onFewer = resolve
    await promise
  }
}
