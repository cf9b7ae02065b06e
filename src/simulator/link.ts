import type { Appointment } from './agenda.ts'

/** One end of a pair of hosts: what arrives there, and what its process has been told. */
export class Side {
  /** The generation of the stream that the process believes to be open; 0 for none. */
  told = 0
  /** When the process hears of the open stream; nothing arrives before. */
  upAt = 0
  /** When the last frame on its way here arrives; the next ones keep behind it. */
  lastArrival = 0
  /** How many partitions keep frames from arriving here. */
  blocked = 0
  /** Frames that a partition holds up, in their order. */
  stalled: Appointment[] = []
  /** Whether this host knows where the other one is. */
  knows = false
  dialing = false
  redialMs = 100
  hungUntil = 0

  /** The process has ended. */
  reset(): void {
    this.told = 0
    this.stalled = []
    this.dialing = false
    this.redialMs = 100
    this.hungUntil = 0
  }
}

/** A pair of hosts and the stream between them. */
export class Link {
  readonly low = new Side()
  readonly high = new Side()
  /** The indexes of the hosts, each first once. */
  readonly pairs: readonly (readonly [host: number, to: number])[]
  up = false
  /** Rises with every stream that opens. */
  generation = 0

  constructor(low: number, high: number) {
    this.pairs = [
      [low, high],
      [high, low],
    ]
  }

  /** Whether a partition holds up frames in either direction. */
  get isBlocked(): boolean {
    return this.low.blocked > 0 || this.high.blocked > 0
  }
}
