import type { Effect } from '../core/effects.ts'
import type { LedgerId } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import type { Core } from '../driver/core.ts'
import type { Actor } from '../simulator/observer.ts'
import type { World } from '../simulator/world.ts'

/** Effects after which user code may go on, so that its microtasks must have their turn. */
const touching: ReadonlySet<Effect['type']> = new Set([
  'run',
  'abort',
  'published',
  'publish-refused',
  'outcomes',
  'outcomes-collected',
  'cancel-ended',
  'progress-seen',
  'report',
])

/** A core whose inputs and effects the observers of a simulation see, in their order. */
export function watchCore(core: Core, world: World, actor: Actor, touch: () => void): Core {
  const { observers, trace, now } = world
  const cancels = new Map<number, LedgerId>()
  const takeIn = (inputs: readonly Input[]): void => {
    for (const input of inputs) {
      trace.add(now(), actor.peer, input)
      if (input.type !== 'cancel') continue
      cancels.set(input.request, input.ledger)
      observers.cancelling(actor, input)
    }
  }
  const see = (effect: Effect): void => {
    trace.add(now(), actor.peer, effect)
    switch (effect.type) {
      case 'persist':
        return observers.wrote(actor, effect.lsn, effect.entry)
      case 'send':
        return observers.asked(actor, effect.to, effect.message)
      case 'run':
        return observers.ran(actor, effect)
      case 'abort':
        return observers.aborted(actor, effect)
      case 'published':
        return observers.published(actor, effect)
      case 'outcomes':
        return observers.outcomes(actor, effect)
      case 'cancel-ended': {
        const ledger = cancels.get(effect.request) ?? ''
        return observers.cancelEnded(actor, { ...effect, ledger })
      }
      case 'quarantine':
        // Not before the driver has stopped the node for it.
        return world.after(0, () => world.quarantined(actor.index, effect.reason))
      default:
    }
  }
  const seeAll = (effects: Effect[]): Effect[] => {
    for (const effect of effects) {
      see(effect)
      if (touching.has(effect.type)) touch()
    }
    return effects
  }
  return {
    replay: (entry, at) => core.replay(entry, at),
    start: (lsn, at) => seeAll(core.start(lsn, at)),
    step: (inputs, at) => {
      takeIn(inputs)
      return seeAll(core.step(inputs, at))
    },
    wakeAt: () => core.wakeAt(),
    get wantsCheckpoint() {
      return core.wantsCheckpoint
    },
    checkpoint: at => core.checkpoint(at),
  }
}
