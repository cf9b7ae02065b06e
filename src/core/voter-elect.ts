import { noBallot, sameBallot } from './ballot.ts'
import type { Elect } from './change-messages.ts'
import { type PeerId, peerOf } from './ids.ts'
import { votingIn } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import type { VoterState } from './voter.ts'

/**
 * Answers an ELECT: the vote on who keeps the ledger next is one register of its own, with
 * promises that are written down one by one.
 */
export function onElect(voter: VoterState, outbox: Outbox, from: PeerId, elect: Elect): void {
  const ledger = votingIn(voter, outbox, from, elect)
  if (ledger === undefined) return
  const { ledger: id, epoch, ballot, voters } = elect
  if (peerOf(ballot.proposer) !== from) return
  const before = ledger.succession ?? { promised: noBallot, accepted: noBallot, voters: [] }
  const same = sameBallot(ballot, before.promised)
  const granted = same || ballot.counter > before.promised.counter
  const accepts = granted && voters.length > 0
  let lsn = outbox.lsn
  if (granted && (!same || (accepts && !sameBallot(before.accepted, ballot)))) {
    ledger.succession = accepts
      ? { promised: ballot, accepted: ballot, voters }
      : { ...before, promised: ballot }
    lsn = persist(outbox, { type: 'succession', ledger: id, epoch, ...ledger.succession })
  }
  const { promised, accepted, voters: chosen } = ledger.succession ?? before
  const { counter } = promised
  const vote = { granted, counter, accepted, voters: chosen }
  send(outbox, from, { type: 'elected', ledger: id, epoch, ballot, ...vote }, lsn)
}
