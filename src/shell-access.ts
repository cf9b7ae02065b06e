import type { AbortOptions } from '@libp2p/interface'
import type { PeerId } from './core/ids.ts'
import { optionsOf } from './options.ts'
import type { PeerQueries } from './peer-queries.ts'
import { outputBytesMax } from './query.ts'
import type { ShellRuns } from './worker/shell-runs.ts'

/** What is asked for of a command's output. */
export interface CommandOutputOptions extends AbortOptions {
  /**
   * Bytes of it that are known.
   *
   * @default 0
   */
  readonly from?: number | undefined
  /** Peer id of the node that is asked first: the one that has answered before. */
  readonly node?: string | undefined
}

/** Some of what a command has written that still runs. */
export interface CommandOutput {
  /** Peer id of the node that it runs on. */
  readonly node: string
  /** Fencing token of the run: another one starts from nothing. */
  readonly token: number
  /** Frames, or a part of such, from the offset on; empty if nothing has come since. */
  readonly bytes: Uint8Array
}

/** Running commands of `meshwork run` and `meshwork map`, by the ids of their tasks. */
export interface MeshCommands {
  /** What a command has written; `undefined` where nobody who is connected runs it. */
  output(id: string, options?: CommandOutputOptions): Promise<CommandOutput | undefined>
  /** Signals a command's processes; false where nobody who is connected runs it. */
  signal(id: string, name: NodeJS.Signals, options?: AbortOptions): Promise<boolean>
}

export interface ShellAccessInit {
  readonly peer: PeerId
  /** Commands that run here. */
  readonly runs: ShellRuns | undefined
  readonly queries: PeerQueries
}

/** Reaches running commands here, or asks the other nodes. */
export class ShellAccess implements MeshCommands {
  readonly #init: ShellAccessInit

  constructor(init: ShellAccessInit) {
    this.#init = init
  }

  async output(
    id: string,
    { from = 0, node, signal }: CommandOutputOptions = {},
  ): Promise<CommandOutput | undefined> {
    const { peer, runs, queries } = this.#init
    const here = await runs?.output(id, from, outputBytesMax)
    if (here !== undefined) return { node: peer, ...here }
    const request = { type: 'output', id, from } as const
    if (node !== undefined && node !== peer) {
      const { part } = await queries
        .ask<'output'>(node, request, optionsOf(signal))
        .catch(() => nothing)
      signal?.throwIfAborted()
      if (part !== undefined) return { node, ...decoded(part) }
    }
    for await (const { peer: other, answer } of queries.askAll<'output'>(
      request,
      optionsOf(signal),
    )) {
      if (answer.part !== undefined) return { node: other, ...decoded(answer.part) }
    }
    return undefined
  }

  async signal(id: string, name: NodeJS.Signals, options: AbortOptions = {}): Promise<boolean> {
    const { runs, queries } = this.#init
    if (runs?.signal(id, name) === true) return true
    const request = { type: 'signal', id, signal: name } as const
    let isSent = false
    for await (const { answer } of queries.askAll<'signal'>(request, options)) {
      isSent ||= answer.sent
    }
    return isSent
  }
}

const nothing = { part: undefined }

function decoded({ token, base64 }: { readonly token: number; readonly base64: string }) {
  return { token, bytes: Buffer.from(base64, 'base64') }
}
