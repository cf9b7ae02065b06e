import type { TaskKey } from './entries.ts'
import type { LedgerId } from './ids.ts'
import type { Chunk, KnownPeer } from './messages.ts'
import type { Ranges } from './ranges.ts'

/* What a guest and its host say to each other. */

/** A guest's tasks, which the receiver publishes in its own ledger. */
export interface Submit {
  readonly type: 'submit'
  /** Random, chosen by the guest: a resend to the same host is not published twice. */
  readonly request: string
  readonly chunks: readonly Chunk[]
  /** Voters that must hold them before they are published; a majority must in any case. */
  readonly copies: number
  /** One task only: what it is called. */
  readonly key?: TaskKey | undefined
}

export interface Submitted {
  readonly type: 'submitted'
  readonly request: string
  /** '' or why the tasks were not taken; with *conflict*, the task that has the key is named. */
  readonly refused: string
  readonly ledger: LedgerId
  readonly epoch: number
  readonly seqs: Ranges
  readonly durable: boolean
  readonly voters: readonly KnownPeer[]
}
