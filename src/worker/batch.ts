import type { Run } from '../core/effects.ts'
import {
  contains,
  countOf,
  intersect,
  pushRun,
  type Ranges,
  subtract,
  union,
} from '../core/ranges.ts'
import type { AttemptInit } from './attempt.ts'
import type { Claim, RunPlace } from './claim.ts'
import { isReference } from '../blobs/reference.ts'
import type { Lane } from './lane.ts'

/**
 * The tasks of one run effect that have not started. They stay in the effect's columns; `take`
 * moves on to the next one and shows it in `seq`, `attempt` and `payload`.
 */
export class Batch implements AttemptInit, RunPlace {
  readonly ledger: string
  readonly token: number
  readonly timeoutMs: number
  readonly priority: number
  readonly claim: Claim
  readonly lane: Lane
  /** Tasks that have not been taken. */
  left: number
  /** The task taken last. */
  seq = -1
  attempt = 0
  readonly #columns: Run
  readonly #bytes: Buffer
  #dropped: Ranges = []
  #start = 0
  #end = 0
  /** Index of the next task, and where in `seqs` it is. */
  #index = 0
  #run = 0
  #within = 0

  constructor(run: Run, claim: Claim, lane: Lane) {
    this.#columns = run
    this.ledger = run.ledger
    this.token = run.token
    this.timeoutMs = run.spec.timeoutMs
    this.priority = run.spec.priority
    this.claim = claim
    this.lane = lane
    this.left = countOf(run.seqs)
    const { buffer, byteOffset, byteLength } = run.payload
    this.#bytes = Buffer.from(buffer, byteOffset, byteLength)
  }

  /** Takes the next task; there must be one `left`. */
  take(): void {
    this.#step()
    while (this.#dropped.length > 0 && contains(this.#dropped, this.seq)) this.#step()
    this.left--
  }

  /** Payload of the task taken last. */
  get payload(): string {
    return this.#bytes.toString('utf8', this.#start, this.#end)
  }

  /** What names the payload of the task taken last, if it is kept elsewhere. */
  get reference(): Uint8Array | undefined {
    if (!isReference(this.#bytes, this.#start, this.#end - this.#start)) return undefined
    return this.#bytes.subarray(this.#start, this.#end)
  }

  /** Forgets tasks that have not been taken. */
  drop(seqs: Ranges): void {
    const dropped = intersect(this.rest(), seqs)
    if (dropped.length === 0) return
    this.#dropped = union(this.#dropped, dropped)
    this.left -= countOf(dropped)
  }

  /** Tasks that have not been taken. */
  rest(): number[] {
    const { seqs } = this.#columns
    const rest: number[] = []
    for (let i = this.#run; i < seqs.length; i += 2) {
      const skip = i === this.#run ? this.#within : 0
      pushRun(rest, (seqs[i] as number) + skip, (seqs[i + 1] as number) - skip)
    }
    return this.#dropped.length === 0 ? rest : subtract(rest, this.#dropped)
  }

  #step(): void {
    const { seqs, attempts, lengths } = this.#columns
    this.seq = (seqs[this.#run] as number) + this.#within
    this.attempt = attempts[this.#index] as number
    this.#start = this.#end
    this.#end += lengths[this.#index] as number
    this.#index++
    this.#within++
    if (this.#within === seqs[this.#run + 1]) {
      this.#run += 2
      this.#within = 0
    }
  }
}
