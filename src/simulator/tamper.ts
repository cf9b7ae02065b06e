import type { Effect } from '../core/effects.ts'
import type { Entry } from '../core/entries.ts'
import type { Input } from '../core/inputs.ts'
import type { Message } from '../core/messages.ts'
import type { Actor } from './observer.ts'

/**
 * Breaks a cluster on purpose, so that it can be shown that the checkers notice. Each function
 * sees what passes by and returns what shall pass instead.
 */
export interface Tamper {
  /** What a node does, before anybody observes it. */
  readonly effects?: (actor: Actor, effects: Effect[]) => Effect[]
  /** What happens to a node. */
  readonly input?: (actor: Actor, input: Input) => readonly Input[]
  /** What arrives at a node, from others only. */
  readonly message?: (from: Actor, to: Actor, message: Message) => Message | undefined
  /** What a node finds on its disk at a start; the journal's length stays what it was. */
  readonly recovered?: (actor: Actor, entries: readonly Entry[]) => readonly Entry[]
}
