/** States of a register at a voter, as stored in `Page.state`. */
export const ABSENT = 0
export const OPEN = 1
export const DONE = 2
export const FAILED = 3
export const CANCELLED = 4
/** Settled, and it is not even known how any more. */
export const FORGOTTEN = 5

/**
 * The registers of consecutive tasks, in columns that the voter changes in place: an object
 * per task would cost more than everything else that is done for it.
 */
export interface Page {
  readonly state: Uint8Array
  /** Counter and proposer (index in the ledger's list) of the highest promise. */
  readonly promised: Uint32Array
  readonly promisedBy: Uint16Array
  /** The same of the accepted ballot; counter 0 for none. */
  readonly accepted: Uint32Array
  readonly acceptedBy: Uint16Array
  /** The accepted value: 1 + its index in the ledger's list; 0 for none. */
  readonly value: Uint32Array
  /** Run grants so far; with many attempts there may be as many. */
  readonly grants: Uint32Array
  /** The lease it is under; 0 for none. */
  readonly lease: Uint32Array
  /** 1 + the index of its spec in the ledger's list; 0 while unknown. */
  readonly spec: Uint16Array
}

/** Empty registers. */
export function createPage(tasks: number): Page {
  return {
    state: new Uint8Array(tasks),
    promised: new Uint32Array(tasks),
    promisedBy: new Uint16Array(tasks),
    accepted: new Uint32Array(tasks),
    acceptedBy: new Uint16Array(tasks),
    value: new Uint32Array(tasks),
    grants: new Uint32Array(tasks),
    lease: new Uint32Array(tasks),
    spec: new Uint16Array(tasks),
  }
}
