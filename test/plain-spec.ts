import type { TaskSpec } from '../src/core/messages.ts'

/** Tasks that are run once, whenever and by whomever. */
export function plainSpec(queue: string): TaskSpec {
  return {
    queue,
    priority: 0,
    requires: '',
    attempts: 1,
    backoff: 'fixed',
    backoffMs: 0,
    backoffMaxMs: 0,
    timeoutMs: 0,
    resultTtlMs: 0,
  }
}
