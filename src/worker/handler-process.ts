import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ResourceLimits } from 'node:worker_threads'
import { HandlerCrashedError } from './errors.ts'
import { heapLimitMb } from './memory-watch.ts'
import type { Outcome } from './outcome.ts'
import type { MemoryUse, Place } from './place.ts'
import {
  type FromProcess,
  type FromThread,
  type ThreadData,
  threadFile,
  type ThreadTask,
  type ToProcess,
} from './thread-messages.ts'

export interface HandlerProcessInit {
  readonly data: ThreadData
  readonly resourceLimits: ResourceLimits | undefined
  heard(message: FromThread, place: Place): void
}

/** How long what a process has said may take to come after its end, in milliseconds. */
const lingerMs = 1_000

/** Memory that Node itself takes, and garbage that has not been collected, in MiB. */
const ownMb = 160

/** What V8 says before it ends a process whose heap is full. */
const outOfMemory = 'JavaScript heap out of memory'

/**
 * A process that runs handlers, in a group of its own: what ends it ends nothing else, and what
 * it has started ends with it.
 */
export class HandlerProcess implements Place {
  readonly kind = 'process'
  readonly #child: ChildProcess
  readonly #init: HandlerProcessInit
  readonly #gone: Promise<HandlerCrashedError>
  readonly #limitMb: number
  #run: { readonly id: number; resolve(outcome: Outcome): void } | undefined
  #hasStarted = false
  #isAlive = true
  #isOut = false
  /** What its handler has thrown where nobody could catch it. */
  #uncaught: Outcome | undefined

  /** @throws {Error} The system cannot start one more process. */
  constructor(init: HandlerProcessInit) {
    this.#init = init
    this.#limitMb = heapLimitMb(init.resourceLimits)
    // A debugger is at one process.
    const own = process.execArgv.filter(flag => !flag.startsWith('--inspect'))
    const flags = [...own, ...flagsOf(init.resourceLimits)]
    const child: ChildProcess = spawn(process.execPath, [...flags, mainFile], {
      // What handlers print goes where it would from a thread.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
    this.#child = child
    child.on('message', (message: FromProcess) => this.#hear(message))
    child.stdout?.on('data', (chunk: Buffer) => void process.stdout.write(chunk))
    child.stderr?.on('data', (chunk: Buffer) => {
      if (chunk.includes(outOfMemory)) this.#isOut = true
      process.stderr.write(chunk)
    })
    this.#gone = this.#watch()
    this.#send(init.data)
  }

  get id(): number | undefined {
    return this.#child.pid
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** Whether the handler of its last run has been called. */
  get hasStarted(): boolean {
    return this.#hasStarted
  }

  /** Why it has ended, once it has. */
  gone(): Promise<HandlerCrashedError> {
    return this.#gone
  }

  /** Runs one task, when no other one runs. Rejects if the process ends before. */
  async run(task: ThreadTask): Promise<Outcome> {
    const ended = Promise.withResolvers<Outcome>()
    this.#run = { id: task.id, resolve: ended.resolve }
    this.#hasStarted = false
    this.#send({ type: 'run', task })
    const outcome = await Promise.race([ended.promise, this.#gone])
    this.#run = undefined
    if (!(outcome instanceof HandlerCrashedError)) return outcome
    if (this.#uncaught === undefined) throw outcome
    return this.#uncaught
  }

  tell(message: ToProcess): void {
    this.#send(message)
  }

  /** Only Linux tells of other processes what they use; elsewhere V8 alone keeps the limit. */
  async memory(): Promise<MemoryUse | undefined> {
    const status = await readFile(`/proc/${this.id}/status`, 'utf8').catch(() => '')
    const [, usedKb] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? []
    if (usedKb === undefined) return undefined
    const usedBytes = Math.max(0, Number(usedKb) * 1_024 - ownMb * 2 ** 20)
    return { usedBytes, limitBytes: this.#limitMb * 2 ** 20 }
  }

  /** Lets it end by itself, as nobody needs it any more. */
  dismiss(): void {
    if (this.#child.connected) this.#child.disconnect()
    else this.end()
  }

  /** Ends it and all that it has started. */
  end(): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      if (process.platform === 'win32') this.#child.kill('SIGKILL')
      else process.kill(-pid, 'SIGKILL')
    } catch {
      // There is nobody left.
    }
  }

  #send(message: ThreadData | ToProcess): void {
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  #hear(message: FromProcess): void {
    if (message.type === 'uncaught') {
      this.#isAlive = false
      this.#uncaught = message.outcome
    } else if (message.type === 'ended') {
      if (message.id === this.#run?.id) this.#run.resolve(message.outcome)
    } else {
      if (message.type === 'started') this.#hasStarted = true
      this.#init.heard(message, this)
    }
  }

  async #watch(): Promise<HandlerCrashedError> {
    const child = this.#child
    // One that was dismissed tells of no `close` of its own.
    const ends = [child.stdout, child.stderr].map(stream => stream && once(stream, 'close'))
    const told = Promise.all([once(child, 'disconnect'), ...ends])
    told.catch(() => undefined)
    const waited = new AbortController()
    try {
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
      this.#isAlive = false
      this.end()
      // What it has said before is still to be heard.
      const { signal: ref } = waited
      await Promise.race([told, delay(lingerMs, undefined, { ref: false, signal: ref })])
      if (this.#isOut) return new HandlerCrashedError(`it used up ${this.#limitMb} MiB of memory`)
      const how = signal === null ? `ended with exit code ${code}` : `died of ${signal}`
      return new HandlerCrashedError(`its process ${how}`)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      return new HandlerCrashedError(`its process could not be started: ${why}`)
    } finally {
      waited.abort()
      this.#isAlive = false
      child.stdout?.destroy()
      child.stderr?.destroy()
    }
  }
}

const mainFile = fileURLToPath(threadFile('handler-main'))

function flagsOf(limits: ResourceLimits = {}): string[] {
  const { maxYoungGenerationSizeMb, stackSizeMb } = limits
  const flags = [`--max-old-space-size=${Math.ceil(heapLimitMb(limits))}`]
  // V8's young generation has three semi-spaces.
  if (maxYoungGenerationSizeMb !== undefined) {
    flags.push(`--max-semi-space-size=${Math.max(1, Math.ceil(maxYoungGenerationSizeMb / 3))}`)
  }
  if (stackSizeMb !== undefined) flags.push(`--stack-size=${Math.ceil(stackSizeMb * 1_024)}`)
  return flags
}
