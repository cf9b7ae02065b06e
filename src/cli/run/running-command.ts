import { setTimeout as delay } from 'node:timers/promises'
import type { MeshNode, TaskHandle, TaskOutcome } from '../../index.ts'
import { FrameReader, type OutputPiece, piecesOf } from '../../shell/frames.ts'
import { bytesOf, readShellResult, type ShellResult, sizeOf } from '../../shell/result.ts'
import { LiveOutput } from './live-output.ts'
import type { CommandInput, EndedReply, RunReply } from './requests.ts'
import { saveFiles } from './returned-files.ts'

/** How long to wait before looking again what a command has written, in milliseconds. */
const lookMs = 100

/** The same, at the most, while it waits for a node to run it. */
const searchMs = 1_000

/** Characters of a result's output that are kept until it is shown; more is asked for again. */
const keptCharsMax = 1_024

/** A command that was published, until it has ended. */
export class RunningCommand {
  readonly input: CommandInput
  readonly handle: TaskHandle
  readonly #sentBytes: number
  #live: LiveOutput | undefined
  #isDone = false
  #result: ShellResult | undefined

  constructor(input: CommandInput, handle: TaskHandle, sentBytes: number) {
    this.input = input
    this.handle = handle
    this.#sentBytes = sentBytes
  }

  /** It has ended: puts the files that it gives back where they are wanted. */
  async end(outcome: TaskOutcome, signal: AbortSignal): Promise<EndedReply> {
    const { taskId, state, node, attempt } = outcome
    const base = {
      ...({ type: 'ended', seq: this.input.seq, taskId, state } as const),
      sentBytes: this.#sentBytes,
      node: node === '' ? undefined : node,
      attempt: attempt === 0 ? undefined : attempt,
    }
    if (state !== 'done') return { ...base, ...nothing, error: whyNot(outcome) }
    const result = readShellResult(outcome.result)
    this.#result = result
    this.#isDone = true
    const { code, signal: killedBy, timedOut, runMs, outputBytes, files } = result
    const error = await saveFiles(this.input.return, result, signal)
    const receivedBytes = files.reduce((sum, file) => sum + sizeOf(file.content), outputBytes)
    return { ...base, code, signal: killedBy, timedOut, runMs, receivedBytes, error }
  }

  /** What it writes while it runs, until the signal is aborted. A preview: `output` has it all. */
  async *preview(node: MeshNode, signal: AbortSignal): AsyncGenerator<RunReply> {
    this.#live = new LiveOutput()
    let reader = new FrameReader()
    let known: { readonly node?: string; readonly token: number } = { token: -1 }
    let from = 0
    let waitMs = lookMs
    for (;;) {
      const part = await node.commands.output(this.handle.id, { node: known.node, from, signal })
      if (part !== undefined && part.token !== known.token) {
        known = part
        reader = new FrameReader()
        this.#live.begin()
        // What was asked for was not the beginning of this run's.
        if (from > 0) {
          from = 0
          continue
        }
      }
      const bytes = part?.bytes ?? new Uint8Array()
      from += bytes.byteLength
      for (const piece of reader.read(bytes)) yield* this.#fresh(this.#live, piece)
      if (bytes.byteLength === 0) await delay(waitMs, undefined, { signal })
      waitMs = part === undefined ? Math.min(2 * waitMs, searchMs) : lookMs
    }
  }

  /** It is not shown yet: forgets what can be had again. */
  rest(): void {
    const output = this.#result?.output
    if (typeof output === 'string' && output.length > keptCharsMax) this.#result = undefined
  }

  /** What it has written, but for what the preview has shown. */
  async *output(signal: AbortSignal): AsyncGenerator<RunReply> {
    const { seq } = this.input
    if (this.#isDone) {
      const { output } = this.#result ?? (await this.#askAgain(signal))
      const live = this.#live ?? new LiveOutput()
      live.begin()
      for await (const piece of piecesOf(bytesOf(output))) {
        signal.throwIfAborted()
        yield* this.#fresh(live, piece)
      }
      if (!live.isWhole) {
        yield { type: 'again', seq }
        for await (const piece of piecesOf(bytesOf(output))) {
          signal.throwIfAborted()
          yield this.#reply(piece)
        }
      }
    }
    yield { type: 'shown', seq }
  }

  async #askAgain(signal: AbortSignal): Promise<ShellResult> {
    return readShellResult((await this.handle.outcome({ signal })).result)
  }

  *#fresh(live: LiveOutput, piece: OutputPiece): Generator<RunReply> {
    for (const fresh of live.next(piece)) yield this.#reply(fresh)
  }

  #reply({ stream, bytes }: OutputPiece): RunReply {
    const base64 = Buffer.from(bytes).toString('base64')
    return { type: 'output', seq: this.input.seq, stream, base64 }
  }
}

/** How a command has ended that has not been run. */
const nothing = { code: null, signal: null, timedOut: false, runMs: 0, receivedBytes: 0 } as const

function whyNot({ state, reason, error }: TaskOutcome): string {
  if (state === 'cancelled') return reason === undefined || reason === '' ? 'cancelled' : reason
  return [reason, error?.message].filter(Boolean).join(': ')
}
