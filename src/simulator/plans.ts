import type { Prng } from './prng.ts'

/** What becomes of a run of a simulated task. */
export const behaviours = [
  'done',
  /** Throws some times, then is done. */
  'flaky',
  'failing',
  'unrecoverable',
  /** Its result cannot be kept. */
  'unfit',
  /** Never ends by itself. */
  'hanging',
  /** Lets nothing else of its node's process run meanwhile. */
  'blocking',
  /** Takes the node down that runs it; with `throws`, after it has blocked it. */
  'poison',
] as const

/** One of `behaviours`. */
export type Behaviour = (typeof behaviours)[number]

/** What a task's payload tells the virtual handler to do. */
export interface Plan {
  /** Unique in a simulation. */
  readonly uid: number
  readonly behaviour: Behaviour
  /** `flaky`: how many runs throw. `poison`: whether it blocks. */
  readonly throws: number
  /** How long a run takes. At most 65,535. */
  readonly durationMs: number
}

/** Bytes at the front of every payload. */
export const planBytes = 8

/** Writes a plan at the front of a payload. */
export function writePlan(plan: Plan, bytes: Uint8Array, at: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  // What begins with byte 0 names blobs.
  view.setUint8(at, 1 + behaviours.indexOf(plan.behaviour))
  view.setUint8(at + 1, plan.throws)
  view.setUint16(at + 2, plan.durationMs)
  view.setUint32(at + 4, plan.uid)
}

/** Reads the plan at the front of a payload. */
export function readPlan(bytes: Uint8Array, at: number): Plan {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    uid: view.getUint32(at + 4),
    behaviour: behaviours[view.getUint8(at) - 1] ?? 'done',
    throws: view.getUint8(at + 1),
    durationMs: view.getUint16(at + 2),
  }
}

/** Payloads of tasks with these plans, in columns; behind each plan comes up to `fillBytes`. */
export function payloadsOf(
  plans: readonly Plan[],
  fillBytes: number,
  prng: Prng,
): { lengths: Uint32Array; payload: Uint8Array } {
  const lengths = Uint32Array.from(plans, () => planBytes + prng.below(fillBytes + 1))
  const payload = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  plans.forEach((plan, i) => {
    const length = lengths[i] as number
    payload.fill(plan.uid & 0xff, at, at + length)
    writePlan(plan, payload, at)
    at += length
  })
  return { lengths, payload }
}
