import { ASKING, type Claiming, DROPPED, eachTask, FETCHING, RUNNING, setPhase } from './claim.ts'
import type { Outbox } from './outbox.ts'
import { endIfDone, forgetClaim, type ProposerState, release } from './proposer.ts'
import { pushRun, type Ranges } from './ranges.ts'

/** What a voter was to pick has come too late, or not at all: it is better asked for by number. */
export function pickedLate(proposer: ProposerState, { info, any: classes }: Claiming): void {
  if (classes.length > 0) proposer.news.exhausted.push({ info, classes, silent: true })
}

/** Stops runs, and gives back what they were leased. */
export function dropRuns(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  reason: 'lease-lost' | 'cancelled' = 'lease-lost',
): void {
  let count = 0
  eachTask(claiming, seqs, at => {
    if (claiming.phase[at] === RUNNING) count += 1
  })
  const { ledger } = claiming.info
  proposer.news.freed.push({ ledger, count })
  proposer.news.lost.push({ ledger, seqs })
  abortRuns(proposer, outbox, claiming, seqs, reason)
}

/** Gives all of a claim back that has not ended, also what is only asked for: an answer starts nothing any more. */
export function leaveClaim(proposer: ProposerState, outbox: Outbox, claiming: Claiming): void {
  eachTask(claiming, claiming.seqs, at => {
    if (claiming.phase[at] === ASKING) setPhase(claiming, at, DROPPED)
  })
  abortRuns(proposer, outbox, claiming, claiming.seqs, 'leaving')
  // What is picked for it belongs to no claim.
  if (claiming.count === 0) forgetClaim(proposer, claiming)
}

/** Ends runs that this node may not believe in any more. */
export function abortRuns(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  reason: 'lease-lost' | 'cancelled' | 'leaving',
): void {
  const running: number[] = []
  eachTask(claiming, seqs, (at, seq) => {
    const phase = claiming.phase[at] as number
    if (phase !== RUNNING && phase !== FETCHING) return
    if (phase === RUNNING) pushRun(running, seq, 1)
    setPhase(claiming, at, DROPPED)
  })
  const { ledger } = claiming.info
  const token = claiming.ballot.counter
  if (running.length > 0) {
    outbox.effects.push({ type: 'abort', ledger, token, seqs: running, reason })
    outbox.effects.push({
      type: 'report',
      event: { type: 'lease-lost', ledger, seqs: running, token },
    })
  }
  // The leases of what is being cancelled keep others from running it until that is decided; should
  // the canceller be gone, the next beat gives them back.
  if (reason !== 'cancelled') release(outbox, claiming, seqs)
  endIfDone(proposer, claiming)
}
