import type {
  Abort,
  CancelEnded,
  OutcomesCollected,
  OutcomesKnown,
  Published,
  Run,
} from '../core/effects.ts'
import type { Entry } from '../core/entries.ts'
import type { Lsn, NodeId, PeerId, StorageId } from '../core/ids.ts'
import type { Cancel, Finished } from '../core/inputs.ts'
import type { Message, Voter } from '../core/messages.ts'

/** One process start of one simulated node, as observers see it. */
export interface Actor {
  readonly index: number
  readonly peer: PeerId
  readonly node: NodeId
  readonly storageId: StorageId
  readonly guest: boolean
}

/**
 * Sees everything that nodes do, in the order in which they do it. Every method does nothing
 * until a checker needs it.
 */
export abstract class Observer {
  /** A process has taken in what it found on its disk and begins. */
  started(_actor: Actor, _recovered: readonly Entry[]): void {}

  /** A process has ended; entries above `kept` are lost. */
  stopped(_actor: Actor, _kept: Lsn): void {}

  /** What a disk held is gone for good, or must not be used any more. */
  lost(_index: number, _voter: Voter): void {}

  wrote(_actor: Actor, _lsn: Lsn, _entry: Entry): void {}

  durable(_actor: Actor, _lsn: Lsn): void {}

  /** A checkpoint has taken the place of what was written before; `held` is durable now. */
  checkpointed(_actor: Actor, _held: readonly Entry[]): void {}

  /** The core asks for a message to be sent. */
  asked(_actor: Actor, _to: PeerId, _message: Message): void {}

  /** A message leaves. */
  sent(_actor: Actor, _to: PeerId, _message: Message): void {}

  received(_actor: Actor, _from: PeerId, _message: Message): void {}

  ran(_actor: Actor, _run: Run): void {}

  aborted(_actor: Actor, _abort: Abort): void {}

  finished(_actor: Actor, _finished: Finished): void {}

  cancelling(_actor: Actor, _cancel: Cancel): void {}

  published(_actor: Actor, _published: Published): void {}

  outcomes(_actor: Actor, _outcomes: OutcomesKnown): void {}

  /** Nothing has happened for longer than anything is kept: this is all that a node still keeps. */
  quiet(_actor: Actor, _kept: readonly Entry[]): void {}

  /** A user is told that tasks are settled, and that nobody keeps their outcomes any more. */
  outcomesCollected(_actor: Actor, _collected: OutcomesCollected): void {}

  cancelEnded(_actor: Actor, _ended: CancelEnded & { readonly ledger: string }): void {}
}
