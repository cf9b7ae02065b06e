import { type Claiming, isAsking } from './claim.ts'
import type { Millis } from './ids.ts'
import { patienceMs } from './pace.ts'
import { type ProposerState, runsUntil } from './proposer.ts'
import { beatMs } from './renew.ts'
import { resettleMs } from './settle.ts'

/** When `tickProposer` has something to do at the earliest. */
export function proposerWakeAt(proposer: ProposerState): Millis {
  const { pace } = proposer
  let at = Infinity
  for (const claiming of proposer.claims.values()) {
    if (isAsking(claiming)) at = Math.min(at, claiming.giveUpAt)
    at = Math.min(at, claiming.fetchAt)
    if (claiming.won > 0 && claiming.intent === 'run') {
      at = Math.min(at, runsUntil(proposer, claiming))
      const confirmAt = claiming.startedAt + proposer.confirmMs
      if (confirmAt < at && hasUnconfirmed(proposer, claiming)) at = confirmAt
    }
    if (claiming.open === claiming.live) continue
    for (const { sentAt, open } of claiming.settlings) {
      if (open > 0) at = Math.min(at, sentAt + patienceMs(pace, resettleMs))
    }
  }
  for (const retry of proposer.retries) at = Math.min(at, retry.at)
  for (const beats of proposer.beats.values()) {
    at = Math.min(at, beats.at)
    const latest = beats.waiting.at(-1)
    if (latest !== undefined) at = Math.min(at, latest.sentAt + patienceMs(pace, beatMs))
  }
  return at
}

function hasUnconfirmed(proposer: ProposerState, { info, answered, confirmed }: Claiming): boolean {
  const unconfirmed = answered & ~confirmed
  if (unconfirmed === 0) return false
  const { voters } = info
  for (let v = 0; v < voters.length; v++) {
    if ((unconfirmed & (1 << v)) !== 0 && proposer.up.has(voters[v]?.peer ?? '')) return true
  }
  return false
}
