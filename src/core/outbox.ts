import type { Effect } from './effects.ts'
import type { Entry } from './entries.ts'
import type { Lsn, PeerId } from './ids.ts'
import type { Message } from './messages.ts'

/** A message of a node to itself: it counts only once the journal is durable up to `after`. */
export interface Loopback {
  readonly message: Message
  readonly after: Lsn
}

/** Where the machines of one node put what they ask for. */
export interface Outbox {
  readonly self: PeerId
  effects: Effect[]
  /** The last entry handed to the journal. */
  lsn: Lsn
  /** The journal is durable up to here. */
  durable: Lsn
  /** Messages to oneself, in order. */
  loopback: Loopback[]
}

/** An outbox with nothing in it. */
export function createOutbox(self: PeerId): Outbox {
  return { self, effects: [], lsn: 0, durable: 0, loopback: [] }
}

/** Writes an entry to the journal. Returns its lsn. */
export function persist(outbox: Outbox, entry: Entry): Lsn {
  outbox.lsn += 1
  outbox.effects.push({ type: 'persist', lsn: outbox.lsn, entry })
  return outbox.lsn
}

/** Sends a message, to a peer or to oneself, once the journal is durable up to `after`. */
export function send(outbox: Outbox, to: PeerId, message: Message, after: Lsn = 0): void {
  if (to === outbox.self) outbox.loopback.push({ message, after })
  else outbox.effects.push({ type: 'send', to, message, after })
}
