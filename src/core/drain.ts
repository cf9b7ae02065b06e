import type { Machine } from './state.ts'

/** Takes no more work, and wants to know when what there is has come to its end. */
export function onDrain(machine: Machine): void {
  machine.dispatch.draining = true
  machine.drainAsked = true
}

/**
 * Tells once that nothing is left that this node has claimed: what it ran is decided, not only on
 * its way, since a result whose worker leaves before that is lost and its task runs again.
 */
export function tellDrained(machine: Machine): void {
  const { proposer, outbox } = machine
  if (!machine.drainAsked) return
  for (const { intent } of proposer.claims.values()) {
    if (intent === 'run' || intent === 'raise') return
  }
  if (proposer.retries.some(({ again }) => again.intent === 'raise')) return
  machine.drainAsked = false
  outbox.effects.push({ type: 'report', event: { type: 'drained' } })
}
