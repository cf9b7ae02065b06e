import type { Effect, Persist, Send } from '../core/effects.ts'
import type { ApplicationEffect, Network, Worker } from './ports.ts'

/** What performs the effects of a turn. */
export interface Performers {
  /** Appends to the journal; may raise the durable lsn before it returns. */
  append(writes: readonly Persist[]): void
  /** Sends as soon as the journal is durable as far as the message rests on it. */
  send(send: Send): void
  readonly network: Pick<Network, 'gossip' | 'dial' | 'hangup'>
  readonly worker: Pick<Worker, 'run' | 'abort'>
  application(effect: ApplicationEffect): void
}

/** Performs one turn: all its writes go to the journal before any of its messages may leave. */
export function perform(effects: readonly Effect[], performers: Performers): void {
  const writes = effects.filter(effect => effect.type === 'persist')
  if (writes.length > 0) performers.append(writes)

  for (const effect of effects) {
    switch (effect.type) {
      case 'persist':
        break
      case 'send':
        performers.send(effect)
        break
      case 'gossip':
        performers.network.gossip(effect.hints)
        break
      case 'dial':
        performers.network.dial(effect.peer, effect.addresses)
        break
      case 'hangup':
        performers.network.hangup(effect.peer, effect.reason)
        break
      case 'run':
        performers.worker.run(effect)
        break
      case 'abort':
        performers.worker.abort(effect.ledger, effect.token, effect.seqs, effect.reason)
        break
      case 'published':
      case 'publish-refused':
      case 'outcomes':
      case 'outcomes-collected':
      case 'cancel-ended':
      case 'progress-seen':
      case 'quarantine':
      case 'report':
        performers.application(effect)
        break
      default:
        effect satisfies never
    }
  }
}
