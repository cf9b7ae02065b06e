import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { MeshNode } from '../../index.ts'
import { shellQueue, type ShellTask } from '../../shell/task.ts'
import { fileInput, InputFiles } from '../blob-files.ts'
import { Channel } from '../channel.ts'
import { publishInTime } from '../publish-operation.ts'
import type { PublishedReply } from '../requests.ts'
import { Gate } from './gate.ts'
import { type CommandInput, parseRunInput, type RunReply, type RunRequest } from './requests.ts'
import { RunningCommand } from './running-command.ts'

/** Commands whose files are saved at the same time. */
const atOnce = 16

/** How long it may take to cancel what is left when nobody listens any more, in milliseconds. */
const cancelMs = 10_000

/** The commands of one request. */
export class Commands {
  readonly replies = new Channel<RunReply | PublishedReply>()
  readonly #node: MeshNode
  readonly #request: RunRequest
  readonly #stopped = new AbortController()
  readonly #signal: AbortSignal
  readonly #files: InputFiles
  readonly #gate = new Gate(atOnce)
  /** Those that have not ended. */
  readonly #running = new Set<RunningCommand>()
  /** Those that have ended, by the place in which they are shown. */
  readonly #waiting = new Map<number, RunningCommand>()
  #publishing: Promise<void> = Promise.resolve()
  #isShowing = false
  #published = 0
  #ended = 0
  #shown = 0
  #isLast = false
  #isHalted = false

  constructor(node: MeshNode, request: RunRequest, signal: AbortSignal) {
    this.#node = node
    this.#request = request
    this.#signal = AbortSignal.any([signal, this.#stopped.signal])
    // Every outcome that is waited for listens to it.
    setMaxListeners(0, this.#signal)
    this.#signal.addEventListener('abort', () => this.replies.fail(this.#signal.reason))
    this.#files = new InputFiles(node, this.#signal)
  }

  /** Takes what follows the request; what comes does not wait for what came before. */
  take(inputs: AsyncIterable<readonly unknown[]>): void {
    this.#guard(async () => {
      for await (const batch of inputs) this.#takeBatch(batch)
    })
  }

  /** Cancels what is left. */
  async stop(): Promise<void> {
    this.#isHalted = true
    this.#stopped.abort(new Error('Nobody listens any more'))
    const late = AbortSignal.timeout(cancelMs)
    // What is on its way would run otherwise.
    await Promise.race([
      this.#publishing.catch(() => undefined),
      delay(cancelMs, undefined, { ref: false }),
    ])
    await this.#cancel([...this.#running], 'who has asked for it has gone', late)
  }

  #takeBatch(batch: readonly unknown[]): void {
    const commands: CommandInput[] = []
    let isLast = false
    for (const value of batch) {
      const input = parseRunInput(value)
      switch (input.type) {
        case 'command':
          commands.push(input)
          break
        case 'last':
          isLast = true
          break
        case 'signal':
          this.#guard(() => this.#forward(input.signal))
          break
        case 'halt':
          this.#guard(() => this.#halt(input.when))
          break
        default:
          input satisfies never
      }
    }
    this.#publishing = this.#publishing.then(() => this.#publish(commands, isLast))
    this.#guard(() => this.#publishing)
  }

  async #publish(commands: readonly CommandInput[], isLast: boolean): Promise<void> {
    if (commands.length > 0 && !this.#isHalted) await this.#publishAll(commands)
    if (!isLast) return
    this.#isLast = true
    this.#endIfDone()
  }

  async #publishAll(commands: readonly CommandInput[]): Promise<void> {
    const { options, waitTimeoutMs } = this.#request
    const payloads = await this.#payloadsOf(commands)
    const sentBytes = payloads.map(({ send }) => send.reduce((sum, it) => sum + it.content.size, 0))
    const handles = await publishInTime(this.#node, shellQueue, payloads, {
      options,
      waitTimeoutMs,
    })
    const [taskIds, durable] = [handles.map(({ id }) => id), handles.every(it => it.durable)]
    this.replies.push({ type: 'published', taskIds, durable })
    for (const [i, handle] of handles.entries()) {
      const running = new RunningCommand(commands[i] as CommandInput, handle, sentBytes[i] ?? 0)
      this.#running.add(running)
      const place = this.#published++
      this.#guard(() => this.#await(running, place))
    }
  }

  /** Their payloads, with blobs instead of the files that they are sent. */
  async #payloadsOf(commands: readonly CommandInput[]): Promise<ShellTask[]> {
    const tries = this.#request.options.attempts ?? 1
    const payloads = commands.map(({ command, send, return: wanted }) => ({
      command,
      tries,
      send: send.map(({ path, mode, file }) => ({ path, mode, content: fileInput(file) })),
      return: wanted.map(({ path }) => path),
    }))
    return (await this.#files.allWithBlobs(payloads)) as ShellTask[]
  }

  async #await(running: RunningCommand, place: number): Promise<void> {
    const { keepOrder, live } = this.#request
    const hasEnded = new AbortController()
    const preview = live ? this.#preview(running, hasEnded.signal) : undefined
    const outcome = await running.handle.outcome({ signal: this.#signal })
    hasEnded.abort()
    await preview
    this.#running.delete(running)
    this.replies.push(await this.#gate.pass(() => running.end(outcome, this.#signal)))
    const turn = keepOrder ? place : this.#ended
    this.#ended++
    this.#waiting.set(turn, running)
    if (turn !== this.#shown) running.rest()
    this.#showNext()
  }

  async #preview(running: RunningCommand, hasEnded: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([this.#signal, hasEnded])
    try {
      for await (const reply of running.preview(this.#node, signal)) await this.replies.give(reply)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Shows one after the other, so that they do not mix. */
  #showNext(): void {
    if (this.#isShowing) return
    this.#isShowing = true
    this.#guard(() => this.#show())
  }

  async #show(): Promise<void> {
    for (;;) {
      const running = this.#waiting.get(this.#shown)
      if (running === undefined) break
      this.#waiting.delete(this.#shown)
      for await (const reply of running.output(this.#signal)) await this.replies.give(reply)
      this.#shown++
      this.#endIfDone()
    }
    this.#isShowing = false
  }

  #endIfDone(): void {
    if (this.#isLast && this.#shown === this.#published) this.replies.end()
  }

  async #forward(name: NodeJS.Signals): Promise<void> {
    const commands = [...this.#running]
    for (const { handle } of commands) {
      const isSent = await this.#node.commands.signal(handle.id, name, { signal: this.#signal })
      if (!isSent) await handle.cancel(name, { signal: this.#signal })
    }
  }

  async #halt(when: 'soon' | 'now'): Promise<void> {
    this.#isHalted = true
    await this.#publishing
    const begun = new Set<string>()
    if (when === 'soon') {
      const filter = { queue: shellQueue, state: 'running', signal: this.#signal } as const
      for await (const { id } of this.#node.tasks(filter)) begun.add(id)
    }
    const left = [...this.#running].filter(({ handle }) => !begun.has(handle.id))
    await this.#cancel(left, 'halted', this.#signal)
  }

  async #cancel(
    commands: readonly RunningCommand[],
    reason: string,
    signal: AbortSignal,
  ): Promise<void> {
    // Who cannot be cancelled in time ends by itself.
    const cancel = ({ handle }: RunningCommand): Promise<unknown> =>
      handle.cancel(reason, { signal }).catch(() => undefined)
    await Promise.all(commands.map(cancel))
  }

  /** Does something beside all else; what goes wrong ends the request. */
  #guard(act: () => Promise<void>): void {
    act().catch((error: unknown) => this.replies.fail(error))
  }
}
