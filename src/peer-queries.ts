import type { AbortOptions } from '@libp2p/interface'
import { type PeerId, taskId } from './core/ids.ts'
import { fromSeqs, seqsOf } from './core/ranges.ts'
import { type FoundTask, generationOf, isSure } from './found-task.ts'
import type { LocalTasks } from './local-tasks.ts'
import type { NodeNetwork } from './node-health.ts'
import {
  answerBytesMax,
  cancelCharsMax,
  decodeAnswer,
  decodeRequest,
  encodeQuery,
  outputBytesMax,
  type QueryAnswers,
  type QueryRequest,
} from './query.ts'
import type { NodeInfo } from './task-info.ts'
import type { Timers } from './time/timers.ts'
import type { ShellRuns } from './worker/shell-runs.ts'

/** How long another node may take to answer, in milliseconds. */
const answerMs = 5_000

/** How long a cancel at another node may take: it needs a majority of the task's voters. */
const cancelMs = 10_000

/** What a node needs in order to ask others, and to answer them. */
export interface PeerQueriesInit {
  readonly network: NodeNetwork
  readonly local: LocalTasks
  readonly timers: Timers
  /** Full nodes that are connected now. */
  peers(): readonly PeerId[]
  describe(): NodeInfo
  /** Commands of others that run here. */
  readonly shellRuns?: ShellRuns | undefined
  /** Cancels a task that this node knows; false if it had another outcome first. */
  cancel(id: string, reason: string, signal?: AbortSignal): Promise<boolean>
}

/** An answer and who gave it. */
export interface PeerAnswer<T> {
  readonly peer: PeerId
  readonly answer: T
}

/** A task and who knows it; this node where no peer is named. */
export interface TaskAt extends FoundTask {
  readonly peer?: PeerId
}

/** Asks the nodes that are connected, and answers them. */
export class PeerQueries {
  readonly #init: PeerQueriesInit

  constructor(init: PeerQueriesInit) {
    this.#init = init
    init.network.onQuery((from, request) => this.#answer(from, request))
  }

  /** Asks one peer. */
  async ask<T extends QueryRequest['type']>(
    peer: PeerId,
    request: Extract<QueryRequest, { readonly type: T }>,
    { signal }: AbortOptions = {},
  ): Promise<QueryAnswers[T]> {
    const limit = this.#init.timers.timeout(request.type.startsWith('cancel') ? cancelMs : answerMs)
    const answer = await this.#init.network.query(peer, encodeQuery(request), {
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    })
    return decodeAnswer(request.type, answer)
  }

  /** Asks all peers at once and gives the answers as they come; who does not answer is left out. */
  async *askAll<T extends QueryRequest['type']>(
    request: Extract<QueryRequest, { readonly type: T }>,
    options: AbortOptions = {},
  ): AsyncGenerator<PeerAnswer<QueryAnswers[T]>> {
    const asked = new Map(
      this.#init.peers().map(peer => [peer, this.#attempt<T>(peer, request, options)]),
    )
    while (asked.size > 0) {
      const { peer, answer } = await Promise.race(asked.values())
      asked.delete(peer)
      options.signal?.throwIfAborted()
      if (answer !== undefined) yield { peer, answer }
    }
  }

  /**
   * The task as this node can tell for sure, or the first peer that can; else in the newest
   * generation that any of them knows. Names the peer unless it is this node.
   */
  async find(id: string, options: AbortOptions = {}): Promise<TaskAt | undefined> {
    const here = this.#init.local.look(id)
    if (here !== undefined && isSure(here)) return here
    let newest: TaskAt | undefined = here
    for await (const { peer, answer } of this.askAll<'task'>({ type: 'task', id }, options)) {
      const { task, alone = false } = answer
      if (task === undefined || task.id !== id) continue
      const found = { peer, task, alone }
      if (isSure(found)) return found
      if (generationOf(found) > generationOf(newest)) newest = found
    }
    return newest
  }

  async #attempt<T extends QueryRequest['type']>(
    peer: PeerId,
    request: Extract<QueryRequest, { readonly type: T }>,
    options: AbortOptions,
  ): Promise<{ readonly peer: PeerId; readonly answer: QueryAnswers[T] | undefined }> {
    try {
      return { peer, answer: await this.ask<T>(peer, request, options) }
    } catch {
      // Gone, too slow or of another version: the others are as good.
      return { peer, answer: undefined }
    }
  }

  async #answer(from: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    const answer = encodeQuery(await this.#answerTo(from, decodeRequest(bytes)))
    if (answer.length > answerBytesMax) throw new Error('The answer to a query is too long')
    return answer
  }

  async #answerTo(
    from: PeerId,
    request: QueryRequest,
  ): Promise<QueryAnswers[QueryRequest['type']]> {
    const { local, network, shellRuns } = this.#init
    switch (request.type) {
      case 'node':
        return this.#init.describe()
      case 'queues':
        return { rows: local.queues() }
      case 'task':
        return local.look(request.id) ?? {}
      case 'tasks': {
        const { queue, state, after, limit } = request
        return local.page({ queue, state }, after, limit)
      }
      case 'cancel': {
        if (local.find(request.id) === undefined) return {}
        const reason = request.reason.slice(0, cancelCharsMax)
        const limit = this.#init.timers.timeout(cancelMs)
        return { cancelled: await this.#init.cancel(request.id, reason, limit) }
      }
      case 'cancel-tasks': {
        const { ledger, seqs } = request
        if (!local.knows(ledger)) return {}
        const reason = request.reason.slice(0, cancelCharsMax)
        const limit = this.#init.timers.timeout(cancelMs)
        const all = [...seqsOf(seqs)]
        const done = await Promise.all(
          all.map(seq => this.#init.cancel(taskId(ledger, seq), reason, limit)),
        )
        return { cancelled: fromSeqs(all.filter((_, i) => done[i])) }
      }
      case 'output': {
        const part = await shellRuns?.output(request.id, request.from, outputBytesMax)
        if (part === undefined) return {}
        const { token, bytes } = part
        return { part: { token, base64: Buffer.from(bytes).toString('base64') } }
      }
      case 'signal':
        return { sent: shellRuns?.signal(request.id, request.signal) ?? false }
      case 'dial-back':
        return { tried: await network.dialBack?.(from, request.port) }
      default:
        request satisfies never
        return {}
    }
  }
}
