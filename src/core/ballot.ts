import type { NodeId } from './ids.ts'

/**
 * A proposal's number. Two proposers may draw the same counter; a voter takes only a higher
 * one or the very same ballot, so equal counters from two proposers never both win.
 */
export interface Ballot {
  /** Lamport clock of the ledger; 0 is before every ballot. At most 2³² − 1. */
  readonly counter: number
  readonly proposer: NodeId
}

/** The ballot before every ballot. */
export const noBallot: Ballot = { counter: 0, proposer: '' }

/** Whether two ballots are the same one. */
export function sameBallot(a: Ballot, b: Ballot): boolean {
  return a.counter === b.counter && a.proposer === b.proposer
}

/** The furthest a counter may be ahead of a voter's highest before it asks its fellow voters. */
export const counterLeap = 2 ** 20
