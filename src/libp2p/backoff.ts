/** How long to wait before a peer is dialled again, in milliseconds. */
export interface BackoffInit {
  /** Wait after the first failure. */
  readonly minMs: number
  /** Longest wait. */
  readonly maxMs: number
}

/**
 * Doubles with each failure up to the maximum, and is spread by half both ways, so that many
 * nodes that lost the same peer do not come back to it at one moment.
 */
export function backoffMs({ minMs, maxMs }: BackoffInit, failures: number, random: number): number {
  const steady = Math.min(maxMs, minMs * 2 ** Math.min(Math.max(failures - 1, 0), 30))
  return steady * (0.5 + random)
}
