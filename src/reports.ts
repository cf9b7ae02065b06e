import type { TypedEventTarget } from 'main-event'
import type { LargeBody } from './blobs/reference.ts'
import type { ProgressSeen, Report } from './core/effects.ts'
import { type LedgerId, taskId } from './core/ids.ts'
import type { Values } from './core/messages.ts'
import { seqsOf } from './core/ranges.ts'
import type { MeshNodeEvents } from './events.ts'
import { eachEnding, outcomeOf, parseBody } from './outcome.ts'

/**
 * Turns the core's reports into events. They are of ranges of tasks, events of single ones: so
 * nothing is made of a report unless somebody listens.
 */
export class Reports {
  readonly #target: TypedEventTarget<MeshNodeEvents>
  readonly #peerId: string
  readonly #shown: (ledger: LedgerId, large: LargeBody) => unknown

  /** `shown` gives a result that is kept elsewhere: an event cannot wait until it is fetched. */
  constructor(
    target: TypedEventTarget<MeshNodeEvents>,
    peerId: string,
    shown: (ledger: LedgerId, large: LargeBody) => unknown,
  ) {
    this.#target = target
    this.#peerId = peerId
    this.#shown = shown
  }

  report({ event }: Report): void {
    switch (event.type) {
      case 'peer-joined':
        this.#dispatch('peer:joined', { peerId: event.peer, guest: event.guest })
        break
      case 'peer-left':
        this.#dispatch('peer:left', { peerId: event.peer })
        break
      case 'published':
        this.#each('task:published', event, id => ({ taskId: id, queue: event.queue }))
        break
      case 'claimed': {
        const { queue, token } = event
        this.#each('task:claimed', event, id => ({ taskId: id, queue, node: this.#peerId, token }))
        break
      }
      case 'lease-lost':
        this.#each('lease:lost', event, id => ({ taskId: id, token: event.token }))
        break
      case 'settled':
        this.#settled(event.ledger, event.values, event.queue)
        break
      case 'displaced':
        this.#dispatch('warning', {
          message: `Another process with this node's identity (${event.by}) has joined the mesh`,
        })
        break
      case 'forked': {
        const { count, generation, ledger } = event
        this.#dispatch('warning', {
          message:
            `The nodes that kept ${count} tasks of ledger ${ledger} are lost or have been away for long; ` +
            `the tasks run again as generation ${generation}, and may end otherwise there`,
        })
        break
      }
      case 'storage-changed':
      case 'duplicate':
      case 'ledger-opened':
      case 'drained':
      case 'handed-over':
        break
      default:
        event satisfies never
    }
  }

  progress({ ledger, seq, kind }: ProgressSeen, text: string): void {
    if (this.#target.listenerCount('task:progress') === 0) return
    const value = kind === 'log' ? text : parseBody(text)
    this.#dispatch('task:progress', { taskId: taskId(ledger, seq), kind, value })
  }

  #settled(ledger: string, values: Values, queue: string): void {
    if (values.kind === 'pending') return
    const type = `task:${values.kind}` as const
    if (this.#target.listenerCount(type) === 0) return
    eachEnding(values, (seq, ending) => {
      const id = taskId(ledger, seq)
      const { node, attempt, ...outcome } = outcomeOf(id, ending)
      switch (type) {
        case 'task:done': {
          const { large } = ending
          const result = large === undefined ? outcome.result : this.#shown(ledger, large)
          this.#dispatch(type, { taskId: id, queue, node, attempt, result })
          break
        }
        case 'task:failed': {
          const reason = ending.reason === '' ? 'attempts' : ending.reason
          this.#dispatch(type, { taskId: id, queue, node, attempt, reason, error: outcome.error })
          break
        }
        case 'task:cancelled':
          this.#dispatch(type, { taskId: id, queue, reason: outcome.reason ?? '' })
          break
      }
    })
  }

  #each<K extends keyof MeshNodeEvents>(
    type: K,
    { ledger, seqs }: { readonly ledger: string; readonly seqs: readonly number[] },
    detailOf: (id: string) => MeshNodeEvents[K]['detail'],
  ): void {
    if (this.#target.listenerCount(type) === 0) return
    for (const seq of seqsOf(seqs)) this.#dispatch(type, detailOf(taskId(ledger, seq)))
  }

  #dispatch<K extends keyof MeshNodeEvents>(type: K, detail: MeshNodeEvents[K]['detail']): void {
    this.#target.safeDispatchEvent(type, { detail })
  }
}
