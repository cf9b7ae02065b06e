import { onHints } from './announce.ts'
import { onDrain } from './drain.ts'
import { onHandOver } from './heal.ts'
import { submitTasks } from './guest.ts'
import type { LedgerId, Millis, PeerId } from './ids.ts'
import { idleWorker } from './idle-worker.ts'
import { peerOf } from './ids.ts'
import type { Cancel, Input, Publish, Received, Reported } from './inputs.ts'
import { beginNaming, meetKey } from './keys.ts'
import type { Machine } from './state.ts'
import { tick } from './tick.ts'
import { livePeers, peerAt, sawLsn } from './membership.ts'
import type { LedgerInfo } from './messages.ts'
import { knownInfo } from './office.ts'
import { send } from './outbox.ts'
import { subtract, take } from './ranges.ts'
import { onPeerDown, onPeerUp, onUnreachable } from './peering.ts'
import { publish } from './producer.ts'
import { openClaim } from './ask.ts'
import { receive } from './receive.ts'
import { makeRoom } from './retention.ts'
import { leaveClaim } from './drop-runs.ts'
import { onFinished } from './settle.ts'
import { onSlept, sleptMsMin } from './slept.ts'
import { onProgress, unwatchTasks, watchTasks } from './watch.ts'

/** How long a full node asks a publisher to wait, in milliseconds. */
const fullRetryMs = 250

/** Tasks that one claim cancels at the most: their values must fit one entry. */
const maxCancelTasks = 512

/** Takes in one thing that has happened. */
export function routeInput(machine: Machine, input: Input, now: Millis): void {
  const { outbox, proposer, watch, voter, members } = machine
  switch (input.type) {
    case 'tick':
      return tick(machine, now)
    case 'received':
      return onReceived(machine, input, now)
    case 'durable':
      if (input.lsn > outbox.durable) outbox.durable = input.lsn
      return
    case 'finished':
      return onFinished(proposer, outbox, input, now)
    case 'publish':
      return onPublish(machine, input, now)
    case 'hinted':
      return onHints(
        machine.announce,
        voter,
        members,
        input.from,
        input.hints,
        serves(machine),
        now,
      )
    case 'reported':
      return onReported(machine, input)
    case 'watch-tasks':
      return watchTasks(watch, voter, outbox, members, input, now)
    case 'unwatch-tasks':
      return unwatchTasks(watch, outbox, members, input.ledger, input.seqs)
    case 'cancel':
      return onCancel(machine, input, now)
    case 'peer-up':
      return onPeerUp(machine, input.peer, now)
    case 'peer-down':
      return onPeerDown(machine, input.peer, now)
    case 'peer-unreachable':
      return onUnreachable(machine, input.peer, input.refused, now)
    case 'listening':
      machine.addresses = input.addresses
      return
    case 'drain':
      return onDrain(machine)
    case 'hand-over':
      return onHandOver(machine, input, now)
    case 'leave':
      return onLeave(machine)
    case 'clock-jumped':
      return onClockJumped(machine, input.wallOffsetMs, now)
    default:
      input satisfies never
  }
}

/** Only a wall clock that is ahead means that time has passed which the monotonic one did not count. */
function onClockJumped({ voter, proposer, outbox }: Machine, offsetMs: number, now: Millis): void {
  const aheadMs = offsetMs - voter.wallOffsetMs
  voter.wallOffsetMs = offsetMs
  if (aheadMs > sleptMsMin) onSlept(proposer, outbox, aheadMs, now)
}

function serves(machine: Machine): (queue: string) => boolean {
  return queue => machine.dispatch.queues.has(queue)
}

function onReceived(machine: Machine, { from, lsn, message }: Received, now: Millis): void {
  const peer = peerAt(machine.members, from)
  // Before its HELLO nothing is known of a peer, not even which start of it speaks.
  if (!peer.up || (peer.hello === undefined && message.type !== 'hello')) return
  receive(machine, from, message, now)
  sawLsn(peer, lsn)
}

function onPublish(machine: Machine, input: Publish, now: Millis): void {
  const { voter, producer, outbox, members, init } = machine
  const { request, spec, timing, lengths, payload, key, copies = 0 } = input
  const origin = key === undefined ? undefined : { guest: init.peer, request: '', key }
  const tasks = { request, spec, ...timing, since: now, lengths, payload, origin, copies }
  if (init.guest) return submitTasks(machine.guest, outbox, members, machine.random, tasks, now)
  if (lengths.length === 0) {
    outbox.effects.push({ type: 'published', request, parts: [], durable: true })
    return
  }
  const chunk = { first: 0, count: lengths.length, spec, ...timing, lengths, payload }
  const asked = { request, copies, given: [chunk] }
  const met = key === undefined ? 'new' : meetKey(machine, spec.queue, key, asked, now)
  if (met === 'same') return
  const refused = { type: 'publish-refused', request } as const
  if (met !== 'new') {
    outbox.effects.push({ ...refused, reason: 'conflict', retryMs: 0, task: met.task })
    return
  }
  if (!makeRoom(voter, outbox, payload.length + producer.waitingBytes)) {
    outbox.effects.push({ ...refused, reason: 'full', retryMs: fullRetryMs })
    return
  }
  if (key !== undefined) beginNaming(machine.keys, spec.queue, key, request)
  const worker = idleWorker(machine, spec, lengths.length, now)
  publish(producer, voter, outbox, { ...tasks, worker }, now)
}

/** What is known of a ledger, as a voter or from hearsay. */
function infoOf(machine: Machine, ledger: LedgerId): LedgerInfo | undefined {
  return knownInfo(machine.voter, ledger) ?? machine.announce.hints.get(ledger)?.info
}

function onCancel(machine: Machine, { request, ledger, seqs, reason }: Cancel, now: Millis): void {
  const { proposer, outbox } = machine
  const info = infoOf(machine, ledger)
  if (info === undefined) {
    outbox.effects.push({ type: 'cancel-ended', request, cancelled: [], tooLate: [] })
    return
  }
  const want = { info, intent: 'cancel', any: [], anyCount: 0, sequential: false } as const
  const more = { queue: '', cancel: { request, reason }, hand: undefined, tries: 0 }
  let rest = seqs
  while (rest.length > 0) {
    const some = take(rest, maxCancelTasks)
    openClaim(proposer, outbox, { ...want, ...more, seqs: some }, now)
    rest = subtract(rest, some)
  }
}

/** Progress goes to the producer, which hands it on; or to a voter if the producer is gone. */
function onReported(machine: Machine, reported: Reported): void {
  const { ledger, seq, token, kind, body } = reported
  const info = infoOf(machine, ledger) ?? claimInfo(machine, ledger)
  const self = machine.init.peer
  const order: PeerId[] = info === undefined ? [] : [peerOf(info.producer)]
  for (const { peer } of info?.voters ?? []) order.push(peer)
  const to = order.find(peer => peer === self || machine.members.peers.get(peer)?.up === true)
  onProgress(machine.watch, machine.outbox, reported, to === self)
  if (to === undefined || to === self) return
  send(machine.outbox, to, { type: 'progress', ledger, seq, token, kind, body })
}

function claimInfo(machine: Machine, ledger: LedgerId): LedgerInfo | undefined {
  for (const claiming of machine.proposer.claims.values()) {
    if (claiming.info.ledger === ledger) return claiming.info
  }
  return undefined
}

/** Gives every lease back and tells everybody that this node goes. */
function onLeave(machine: Machine): void {
  const { proposer, outbox, members } = machine
  machine.leaving = true
  machine.dispatch.draining = true
  for (const claiming of [...proposer.claims.values()]) {
    if (claiming.intent === 'run') leaveClaim(proposer, outbox, claiming)
  }
  for (const { peer } of livePeers(members)) send(outbox, peer, { type: 'goodbye' })
}
