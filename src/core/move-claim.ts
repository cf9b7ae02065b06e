import { lose } from './ask.ts'
import { ASKING, type Claiming, deadlineOf, eachTask, RUNNING, tasksWhere } from './claim.ts'
import { gatherRecords } from './claim-records.ts'
import type { Millis } from './ids.ts'
import type { LedgerInfo } from './messages.ts'
import { isAmong } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { endIfDone, type ProposerState } from './proposer.ts'
import { voteOneself } from './settle.ts'

/** Goes on with all claims of a ledger at the voters of a new epoch. */
export function moveClaims(
  proposer: ProposerState,
  outbox: Outbox,
  info: LedgerInfo,
  now: Millis,
): void {
  for (const claiming of [...proposer.claims.values()]) {
    const { ledger, epoch } = claiming.info
    if (ledger !== info.ledger || epoch >= info.epoch) continue
    moveClaim(proposer, outbox, claiming, info, now)
  }
  proposer.retries = proposer.retries.map(retry => {
    const old = retry.info.ledger === info.ledger && retry.info.epoch < info.epoch
    return old ? { ...retry, info } : retry
  })
}

/**
 * Votes of the old epoch do not count in the new one. What was won stays won, since the new
 * voters hold the promises of a majority of the old ones; so a result in hand is settled again
 * under its ballot, and what is only asked for is asked again under another.
 */
function moveClaim(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  info: LedgerInfo,
  now: Millis,
): void {
  const asking = tasksWhere(claiming, at => claiming.phase[at] === ASKING)
  const granted = tasksWhere(claiming, at => {
    return claiming.phase[at] === ASKING && claiming.grants[at] !== 0
  })
  const deadline = deadlineOf(claiming)
  const voters = info.voters.length
  const all = (1 << voters) - 1
  keepRecords(proposer, claiming, info, now)
  claiming.info = info
  claiming.sentAt = new Float64Array(voters)
  // Each of the new voters keeps the lease at least as long as the old ones have said together.
  claiming.until = new Float64Array(voters).fill(deadline)
  claiming.asked = all
  claiming.answered = all
  claiming.confirmed = 0
  claiming.gone = 0
  claiming.doubtful = 0
  eachTask(claiming, claiming.seqs, at => {
    const phase = claiming.phase[at] as number
    claiming.grants[at] = phase !== ASKING && phase <= RUNNING ? all : 0
    claiming.refusals[at] = 0
    claiming.accepts[at] = 0
    claiming.nacks[at] = 0
  })
  if (claiming.fetchAt < Infinity) claiming.fetchAt = now
  forgetBeats(proposer, claiming)
  if (granted.length > 0) freeLeases(outbox, claiming, granted)
  if (asking.length > 0) lose(proposer, outbox, claiming, asking, now)
  settleAgain(proposer, outbox, claiming, now)
  endIfDone(proposer, claiming)
}

/** What this node holds as a voter it forgets when others keep it, but not what it runs. */
function keepRecords(
  proposer: ProposerState,
  claiming: Claiming,
  info: LedgerInfo,
  now: Millis,
): void {
  const { voter } = proposer
  if (voter === undefined || isAmong(info.voters, voter)) return
  gatherRecords(proposer, claiming, now)
}

/** Answers to beats that old voters were sent say nothing of leases at the new ones. */
function forgetBeats(proposer: ProposerState, claiming: Claiming): void {
  for (const beats of proposer.beats.values()) {
    for (const waiting of beats.waiting) {
      waiting.claims = waiting.claims.filter(other => other !== claiming)
    }
  }
}

/** Leases of a claim that was not won have been handed on to the new voters, too. */
function freeLeases(outbox: Outbox, claiming: Claiming, seqs: readonly number[]): void {
  const { info, id, ballot, intent } = claiming
  if (intent !== 'run') return
  const { ledger, epoch } = info
  for (const { peer } of info.voters) {
    send(outbox, peer, { type: 'release', ledger, epoch, claimId: id, ballot, seqs })
  }
}

function settleAgain(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
): void {
  for (const settling of claiming.settlings) {
    if (settling.open <= 0) continue
    const again = { ...settling.message, epoch: claiming.info.epoch, acceptLsn: 0 }
    settling.message = { ...again, acceptLsn: voteOneself(proposer, outbox, claiming, again, now) }
    settling.sentAt = now
    settling.resent = true
    for (const { peer } of claiming.info.voters) {
      if (peer !== proposer.self) send(outbox, peer, settling.message)
    }
  }
}
